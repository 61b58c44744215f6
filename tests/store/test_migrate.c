/* m2mctl migrate: the schema comes up once, whoever else is at it, and nothing goes on with a schema that isn't the one of its files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct ctl_result ran;

static void open_world(void)
{
	world_prepare(&w, false);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(migrate, .init = open_world, .fini = close_world, .timeout = 120);

/* An environment for a new, empty database whose owner is `owner`. */
static void empty_database(const char *owner, struct env *ret, char url[PG_URL])
{
	char name[40];
	snprintf(name, sizeof name, "empty_%d", (int)getpid());
	sql_exec(world_db(&w), "create database %s owner %s", name, owner);
	shared_ctl_env(&w.pg, name, ret);
	pg_url(&w.pg, owner, name, url);
	env_set(ret, "M2M_ADMIN_DATABASE_URL=%s", url);
}

Test(migrate, up_twice_changes_nothing_the_second_time)
{
	PGconn *db = world_db(&w);
	char before[64], keys[64];
	snprintf(before, sizeof before, "%s", sql_text(db, "select max(applied_at) from m2m.schema_migration"));
	snprintf(keys, sizeof keys, "%s", sql_text(db, "select string_agg(kid, ' ') from m2m.signing_key"));
	cr_assert_str_neq(keys, "", "the first migrate made no signing key");
	world_ctl(&w, &ran, "migrate", "up");
	cr_assert_str_eq(sql_text(db, "select max(applied_at) from m2m.schema_migration"), before);
	cr_assert_str_eq(sql_text(db, "select string_agg(kid, ' ') from m2m.signing_key"), keys);
}

Test(migrate, status_tells_applied_from_pending)
{
	struct env env;
	char url[PG_URL];
	world_ctl(&w, &ran, "migrate", "status");
	cr_assert_not_null(strstr(ran.out, "applied"), "%s", ran.out);
	cr_assert_null(strstr(ran.out, "pending"), "%s", ran.out);
	empty_database("m2m_owner", &env, url);
	ctl(&env, &ran, "migrate", "status");
	cr_assert_not_null(strstr(ran.out, "pending"), "%s%s", ran.out, ran.err);
	cr_assert_null(strstr(ran.out, "applied"), "%s", ran.out);
}

Test(migrate, two_at_once_apply_it_once_and_both_succeed)
{
	enum { AT_ONCE = 4 };
	static struct ctl_result results[AT_ONCE];
	static struct ctl_job jobs[AT_ONCE];
	struct env env;
	char url[PG_URL];
	empty_database("m2m_owner", &env, url);
	for (int i = 0; i < AT_ONCE; i++)
		ctl_start(&env, &jobs[i], &results[i], (const char *const[]){"migrate", "up", NULL});
	for (int i = 0; i < AT_ONCE; i++)
		cr_assert_eq(ctl_finish(&jobs[i], &results[i]), 0, "%s%s", results[i].out, results[i].err);
	PGconn *db = sql_open(url);
	cr_assert_eq(sql_int(db, "select count(*) - count(distinct version) from m2m.schema_migration"), 0);
	cr_assert_geq(sql_int(db, "select count(*) from m2m.schema_migration"), 1);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.signing_key_current"), 1);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.signing_key"), 1);
	PQfinish(db);
}

static void expect_refused(const char *says)
{
	cr_assert_neq(ctl(&w.ctl_env, &ran, "migrate", "up"), 0, "%s%s", ran.out, ran.err);
	cr_assert_not_null(strstr(ran.err, says), "no %s in: %s", says, ran.err);
}

Test(migrate, a_file_that_changed_after_it_was_applied_is_refused)
{
	sql_exec(world_db(&w), "update m2m.schema_migration set checksum = sha256('other') where version = 1");
	expect_refused("migration 1 ");
	ctl(&w.ctl_env, &ran, "migrate", "status");
	cr_assert_not_null(strstr(ran.out, "changed"), "%s", ran.out);
}

Test(migrate, a_version_that_the_program_does_not_know_is_refused)
{
	sql_exec(world_db(&w), "insert into m2m.schema_migration (version, name, checksum) values (9999, 'later', '')");
	expect_refused("9999");
}

Test(migrate, a_login_that_may_create_roles_can_migrate_too)
{
	struct env env;
	char url[PG_URL];
	sql_exec(world_db(&w), "create role installer login createrole");
	sql_exec(world_db(&w), "grant m2m_owner to installer");
	empty_database("installer", &env, url);
	cr_assert_eq(ctl(&env, &ran, "migrate", "up"), 0, "%s%s", ran.out, ran.err);
	PGconn *db = sql_open(url);
	cr_assert_str_eq(sql_text(db, "select tableowner from pg_tables where schemaname = 'm2m' and tablename = 'token_audit'"),
			 "m2m_owner");
	PQfinish(db);
}

Test(migrate, down_takes_everything_away_and_up_brings_it_back)
{
	cr_assert_neq(ctl(&w.ctl_env, &ran, "migrate", "down"), 0, "without --yes");
	world_ctl(&w, &ran, "migrate", "down", "--yes");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from pg_tables where schemaname = 'm2m'"), 0);
	world_ctl(&w, &ran, "migrate", "up");
	struct org o;
	org_create(&w, "again", &o);
}
