/* m2mctl against real databases: migrations and what both programs refuse, exit codes, help, the
 * three forms of output, and the record of each act. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "harness/expect_ctl.h"
#include "harness/proc.h"
#include "harness/world.h"
#include "json/json_read.h"

#define SCHEMA 27 /* migrations there are */

SHARED_CLUSTER("");

static struct world w;
static struct ctl_result r, r2;

static void prepare(void)
{
	world_prepare(&w, false);
}

static void finish(void)
{
	world_close(&w);
}

TestSuite(migrate, .init = prepare, .fini = finish, .timeout = 120);
TestSuite(m2mctl, .init = prepare, .fini = finish, .timeout = 120);

/* Exactly one line. */
static bool one_line(const char *text)
{
	const char *end = strchr(text, '\n');
	return end != NULL && end > text && end[1] == '\0';
}

/* Points both programs at a new, empty database; m2mctl is `owner`, which owns it. */
static void take_empty_database(const char *owner)
{
	char url[PG_URL], name[80];
	snprintf(name, sizeof name, "%s_empty", w.database);
	sql_exec(world_db(&w), "create database %s owner %s", name, owner);
	pg_url(&w.pg, owner, name, url);
	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=%s", url);
	pg_url(&w.pg, "m2m_gateway", name, url);
	env_set(&w.gateway_env, "M2M_DATABASE_URL=%s", url);
	PQfinish(w.db);
	w.db = NULL;
	snprintf(w.database, sizeof w.database, "%s", name);
}

/* Starts a gateway that must end by itself with one sentence that holds `part`. */
static void expect_gateway_refuses(const char *part)
{
	gateway_launch(&w.gateway, &w.gateway_env);
	int status = proc_wait(w.gateway.pid, 20000);
	cr_assert_neq(status, PROC_RUNNING, "the gateway goes on");
	w.gateway.pid = 0;
	char *log = tmp_read(w.gateway.log, NULL);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %#x: %s", (unsigned)status, log);
	cr_expect(one_line(log) && says(log, part), "%s", log);
	free(log);
}

static int64_t acts(const char *action)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.admin_audit where action = '%s' and outcome = 'granted' and actor like 'operator:%%'",
		       action);
}

/* ---- migrations ---- */

Test(migrate, up_can_be_run_again_and_again)
{
	take_empty_database("m2m_owner");
	expect_exit(0, "migrate", "up");
	cr_expect(says(r.err, "0001_schema") && says(r.err, "signing key"), "%s", r.err);
	cr_expect_str_eq(r.out, "");
	expect_exit(0, "migrate", "up");
	cr_expect(says(r.err, "up to date"), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), SCHEMA);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.key_check"), 1);
	cr_expect_eq(acts("migrate_up"), SCHEMA);
	cr_expect_eq(acts("create_signing_key"), 1);
}

Test(migrate, two_at_once_do_the_work_once)
{
	enum { JOBS = 4 };
	static struct ctl_job jobs[JOBS];
	static struct ctl_result results[JOBS];
	take_empty_database("m2m_owner");
	for (int i = 0; i < JOBS; i++)
		ctl_start(&w.ctl_env, &jobs[i], &results[i], (const char *const[]){"migrate", "up", NULL});
	for (int i = 0; i < JOBS; i++)
		cr_expect_eq(ctl_finish(&jobs[i], &results[i]), 0, "%s", results[i].err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), SCHEMA);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 1);
	cr_expect_eq(acts("migrate_up"), SCHEMA);
}

Test(migrate, a_login_that_may_create_roles_can_migrate_too)
{
	sql_exec(world_db(&w), "create role installer login createrole in role m2m_owner");
	take_empty_database("installer");
	expect_exit(0, "migrate", "up");
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(distinct tableowner, ' ') from pg_tables where schemaname = 'm2m'"),
			 "m2m_owner");
	expect_exit(0, "org", "create", "acme");
}

Test(migrate, down_takes_everything_back_and_up_makes_it_again)
{
	struct org o;
	expect_exit(2, "migrate", "down");
	cr_expect(says(r.err, "--yes"), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), SCHEMA);
	for (int left = SCHEMA; left > 0; left--) {
		cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), left, "one at a time, the last one first");
		expect_exit(0, "migrate", "down", "--yes");
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from pg_namespace where nspname = 'm2m'"), 0);
	expect_exit(4, "migrate", "down", "--yes");
	expect_exit(0, "migrate", "status");
	cr_expect(says(r.out, "pending"), "%s", r.out);
	expect_exit(0, "migrate", "up");
	expect_exit(0, "migrate", "status");
	cr_expect(says(r.out, "applied") && !says(r.out, "pending"), "%s", r.out);
	org_create(&w, "acme", &o);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void go_down_to(int version)
{
	while (sql_int(world_db(&w), "select count(*) from m2m.schema_migration") > version)
		expect_exit(0, "migrate", "down", "--yes");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), version);
}

/* What was bound would be free. */
Test(migrate, down_is_refused_while_anything_has_networks)
{
	struct org o;
	org_create(&w, "acme", &o);
	expect_exit(0, "client", "set", "--org", "acme", "--allow-network", "192.0.2.0/24");
	go_down_to(11);
	expect_exit(1, "migrate", "down", "--yes");
	cr_expect(says(r.err, "--allow-network any"), "%s", r.err);
	expect_exit(0, "migrate", "up");
	expect_exit(0, "client", "set", "--org", "acme", "--allow-network", "any");
	expect_exit(0, "org", "set", "acme", "--allow-network", "192.0.2.0/24");
	go_down_to(11);
	expect_exit(1, "migrate", "down", "--yes");
	expect_exit(0, "migrate", "up");
	expect_exit(0, "org", "set", "acme", "--allow-network", "any");
	go_down_to(10);
}

/* How a token was obtained otherwise is nowhere else; whether by Basic is forgotten. */
Test(migrate, down_is_refused_while_a_token_names_its_credential_or_what_it_is_bound_to)
{
	static const char *const columns[] = {"credential", "bound_to"};
	world_ctl(&w, &r, "token", "mint", "--platform");
	go_down_to(12);
	for (int i = 0; i < 2; i++) {
		sql_exec(world_db(&w), "begin; set local role m2m_owner; update m2m.token_audit set auth_method = 'b', %s = 'x'; commit",
			 columns[i]);
		expect_exit(1, "migrate", "down", "--yes");
		cr_expect(says(r.err, "name a credential"), "%s", r.err);
		sql_exec(world_db(&w), "begin; set local role m2m_owner; update m2m.token_audit set %s = null; commit", columns[i]);
	}
	expect_exit(0, "migrate", "down", "--yes");
	/* and what no older program can check is gone, so that rows stay unproven and no fault */
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.audit_seal"), 0);
	expect_exit(0, "migrate", "up");
	expect_exit(0, "audit", "verify", "--only", "seals");
	cr_expect(says(r.err, "1 rows are from before there were seals"), "%s", r.err);
}

Test(migrate, counts_by_method_are_added_up_again_when_it_is_taken_back)
{
	go_down_to(12);
	sql_exec(world_db(&w),
		 "insert into m2m.token_usage (day, kid, tokens, first_issued_at, last_issued_at, auth_method) values"
		 " (current_date, 'k', 3, now() - interval '2 hours', now(), 'b'), (current_date, 'k', 4, now(), now(), 'p')");
	expect_exit(0, "migrate", "down", "--yes");
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(tokens::text, ' ') from m2m.token_usage"), "7");
}

#define ROWS 40000

/* So many rows of tokens with a secret. */
static int64_t bytes_of(const char *name, bool before, const char *traceparent)
{
#define COLUMNS                                                                                                                            \
	"issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport, client_id, kid, caller, scope,"     \
	" audience, remote_addr, user_agent, traceparent"
	sql_exec(world_db(&w),
		 "create table public.%s as select " COLUMNS "%s from m2m.token_audit limit 0;"
		 " insert into public.%s (" COLUMNS "%s) select now(), now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
		 " gen_random_uuid(), 1, 'r', 'm2m_3lMxvAWyTFiUZLlMwedMOF', 'KMe939sZJQP6_jIm', 'm2m_3lMxvAWyTFiUZLlMwedMOF', 'api',"
		 " 'public-api', '127.0.0.1', left(repeat('python-requests ', 8), 1 + n %% 100), %s%s from generate_series(1, %d) n",
		 name, before ? "" : ", auth_method, credential, bound_to", name, before ? "" : ", auth_method", traceparent,
		 before ? "" : ", 'b'", ROWS);
	return sql_int(world_db(&w), "select pg_relation_size('public.%s')", name);
}

Test(migrate, a_token_with_a_secret_grows_by_at_most_8_bytes)
{
	double before = (double)bytes_of("before", true, "null");
	double after = (double)bytes_of("after", false, "null");
	double grown = (after - before) / ROWS;
	cr_expect(grown >= 0 && grown <= 8, "%.2f bytes a row", grown);
	/* a row without any null had no bitmap of nulls, which is 8 bytes */
	double traced_before = (double)bytes_of("traced", true, "repeat('t', 55)");
	double traced_after = (double)bytes_of("traced_after", false, "repeat('t', 55)");
	cr_expect_leq((traced_after - traced_before) / ROWS, 9.5);
	printf("# with a traceparent: %.1f bytes, %.1f before\n", traced_after / ROWS, traced_before / ROWS);
	printf("# a token with a secret: %.1f bytes, %.1f before\n", after / ROWS, before / ROWS);
}

Test(migrate, columns_are_added_without_rewriting_the_audit)
{
	world_ctl(&w, &r, "token", "mint", "--platform");
	go_down_to(11);
	char before[SQL_VALUE];
	const char *files = "select string_agg(c.relname || c.relfilenode, ' ' order by c.relname) from pg_class c"
			    " where c.relname ~ '^(token_audit|audit_seal|token_usage)_?[^_]*$' and c.relkind = 'r'";
	snprintf(before, sizeof before, "%s", sql_text(world_db(&w), "%s", files));
	expect_exit(0, "migrate", "up");
	cr_expect_str_eq(sql_text(world_db(&w), "%s", files), before);
}

/* deploy/citus: a week that is partitioned itself, whose rows lie on another server. */
Test(migrate, an_archived_week_gets_the_columns_too)
{
	go_down_to(11);
	sql_exec(world_db(&w),
		 "create extension postgres_fdw; create server m2m_archive foreign data wrapper postgres_fdw;"
		 " grant usage on foreign server m2m_archive to m2m_owner; set role m2m_owner;"
		 " create table m2m.token_audit_p20200106 (like m2m.token_audit) partition by list (organization_id);"
		 " create table m2m.token_audit_p20200106_platform partition of m2m.token_audit_p20200106 for values in (null);"
		 " create foreign table m2m.token_audit_p20200106_archived partition of m2m.token_audit_p20200106 default server "
		 "m2m_archive;"
		 " alter table m2m.token_audit attach partition m2m.token_audit_p20200106 for values from ('2020-01-06+00') to "
		 "('2020-01-13+00');"
		 " reset role");
	expect_exit(0, "migrate", "up");
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(attname, ' ' order by attnum) from pg_attribute where attnum > 16"
						" and attrelid = 'm2m.token_audit_p20200106_archived'::regclass"),
			 "auth_method credential bound_to");
	expect_exit(0, "migrate", "status");
}

/* Nobody waits long for the migration, and it for nobody who lets go. */
Test(migrate, a_reader_of_the_audit_delays_the_migration_and_no_token)
{
	static struct ctl_job job;
	char url[PG_URL];
	go_down_to(11);
	pg_url(&w.pg, "m2m_owner", w.database, url);
	PGconn *reader = sql_open(url), *writer = sql_open(url);
	sql_exec(reader, "begin; select count(*) from m2m.token_audit");
	ctl_start(&w.ctl_env, &job, &r, (const char *const[]){"migrate", "up", NULL});
	sql_exec(writer, "set statement_timeout = '2s'");
	for (int i = 0; i < 10; i++) {
		sleep_ms(150);
		cr_expect_str_eq(sql_state(writer,
					   "insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id,"
					   " batch_id, transport, kid, caller, scope, audience) select now(), now(), gen_random_uuid(),"
					   " gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a'"),
				 "00000");
	}
	sql_exec(reader, "commit");
	cr_expect_eq(ctl_finish(&job, &r), 0, "%s", r.err);
	PQfinish(reader);
	PQfinish(writer);
}

/* A rotation reads a secret, and writes it. Tokens would wait behind whoever waits for it. */
Test(migrate, a_rotation_under_way_holds_nobody_up_and_leaves_an_index)
{
	char url[PG_URL];
	const char *old = "select count(*) from pg_indexes where indexname = 'client_secret_by_key'";
	static struct ctl_job job;
	go_down_to(21);
	pg_url(&w.pg, "m2m_owner", w.database, url);
	PGconn *rotation = sql_open(url);
	sql_exec(rotation, "begin; select count(*) from m2m.client_secret");
	ctl_start(&w.ctl_env, &job, &r, (const char *const[]){"migrate", "up", NULL});
	for (int tries = 0; tries < 500 && sql_int(world_db(&w), "select count(*) from m2m.schema_migration") < 23; tries++)
		sleep_ms(10);
	cr_expect_eq(sql_int(world_db(&w), "%s", old), 1);
	cr_expect_str_eq(sql_state(rotation, "update m2m.client_secret set hint = 'x'"), "00000");
	sql_exec(rotation, "commit"); /* what comes after it waits for that */
	PQfinish(rotation);
	cr_expect_eq(ctl_finish(&job, &r), 0, "%s", r.err);
	cr_expect(says(r.err, "client_secret_by_key stays"), "%s", r.err);
	go_down_to(22);
	expect_exit(0, "migrate", "up");
	cr_expect_eq(sql_int(world_db(&w), "%s", old), 0);
}

/* A column of secrets wants a moment alone with them. */
Test(migrate, a_reader_of_the_secrets_delays_the_migration_and_no_token)
{
	static struct ctl_job job;
	char url[PG_URL];
	go_down_to(23);
	pg_url(&w.pg, "m2m_owner", w.database, url);
	PGconn *reader = sql_open(url), *token = sql_open(url);
	sql_exec(reader, "begin; select count(*) from m2m.client_secret");
	ctl_start(&w.ctl_env, &job, &r, (const char *const[]){"migrate", "up", NULL});
	sql_exec(token, "set statement_timeout = '1s'");
	for (int i = 0; i < 10; i++) {
		sleep_ms(150);
		cr_expect_str_eq(sql_state(token, "select from m2m.client_secret for key share"), "00000");
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), 23);
	sql_exec(reader, "commit");
	cr_expect_eq(ctl_finish(&job, &r), 0, "%s", r.err);
	PQfinish(reader);
	PQfinish(token);
}

static const char *versions(const struct org *o)
{
	return sql_text(world_db(&w),
			"select string_agg(s.version || case when s.over then ' over' else '' end, ', ' order by s.version)"
			" from m2m.client_secret s where s.client_id = '%s'",
			o->client_id);
}

Test(migrate, versions_that_have_ended_are_over_but_for_an_organization_that_moves)
{
	struct org acme, moving;
	org_create(&w, "acme", &acme);
	org_create(&w, "moving", &moving);
	go_down_to(23);
	sql_exec(world_db(&w), "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, ended_at, expires_at)"
			       " select c.client_id, v, 'k1', sha256('s'), sha256('v'), 'abcd', now(), (array['-infinity', 'now()',"
			       "  'infinity'])[v - 1]::timestamptz from m2m.client c, generate_series(2, 4) v");
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = now() where version = 1");
	sql_exec(world_db(&w), "set session_replication_role = replica");
	sql_exec(world_db(&w), "update m2m.organization set moving = 'frozen' where slug = 'moving'");
	expect_exit(0, "migrate", "up");
	cr_expect_str_eq(versions(&acme), "1, 2 over, 3 over, 4");
	cr_expect_str_eq(versions(&moving), "1, 2, 3, 4");
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select string_agg(expires_at::text, ' ' order by version) from m2m.client_secret"
				  " where client_id = '%s' and version in (2, 4)",
				  acme.client_id),
			 "-infinity infinity");
	sql_exec(world_db(&w), "update m2m.organization set moving = null where slug = 'moving'");
	go_down_to(23);
	expect_exit(0, "migrate", "up");
	cr_expect_str_eq(versions(&moving), "1, 2 over, 3 over, 4");
}

/* What has ended would come back to life. */
Test(migrate, down_is_refused_while_a_token_is_revoked_that_has_not_expired)
{
	struct org o;
	org_create(&w, "acme", &o);
	go_down_to(13);
	sql_exec(world_db(&w),
		 "insert into m2m.revoked_token values (gen_random_uuid(), now() + interval '1 hour', '%s', '%s', now(), 'it')",
		 o.client_id, o.id);
	expect_exit(1, "migrate", "down", "--yes");
	cr_expect(says(r.err, "were revoked"), "%s", r.err);
	sql_exec(world_db(&w), "delete from m2m.revoked_token");
	sql_exec(world_db(&w), "insert into m2m.tokens_ended values ('%s', '%s', 1, '', 'infinity', now() + interval '1 hour')", o.id,
		 o.client_id);
	expect_exit(1, "migrate", "down", "--yes");
	sql_exec(world_db(&w), "delete from m2m.tokens_ended");
	go_down_to(12);
}

Test(migrate, the_second_one_is_taken_back_and_made_again_without_a_loss)
{
	struct org o;
	char second[SECRET_MAX];
	org_create(&w, "acme", &o);
	world_ctl(&w, &r, "client", "create", "--org", "acme", "--lifetime", "900", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", second, sizeof second);
	world_ctl(&w, &r, "token", "mint", "--org", "acme");
	const char *all =
		"select string_agg(t::text, ' ' order by t::text) from (select client_id, organization_id, is_default, roles, scopes,"
		" token_lifetime, secret_version from m2m.client) t";
	char before[SQL_VALUE];
	snprintf(before, sizeof before, "%s", sql_text(world_db(&w), "%s", all));
	go_down_to(1);
	cr_expect_str_eq(sql_text(world_db(&w), "%s", all), before);
	expect_exit(0, "migrate", "up");
	cr_expect_str_eq(sql_text(world_db(&w), "%s", all), before);
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "env");
	cr_expect(says(r.out, o.secret), "%s", r.out);
	expect_exit(0, "client", "default", second);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 1);
	cr_expect_eq(acts("migrate_down"), SCHEMA - 1);
	expect_exit(0, "config", "check");
}

/* The second migration's down must fail with this sentence, change nothing, and leave its row. */
static void expect_down_refused(const char *part)
{
	go_down_to(2);
	int64_t refused =
		sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'migrate_down' and outcome = 'failed'");
	expect_exit(1, "migrate", "down", "--yes");
	cr_expect(says(r.err, part), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.schema_migration"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'migrate_down' and outcome = 'failed'"),
		     refused + 1);
	expect_exit(0, "migrate", "up");
}

Test(migrate, down_refuses_to_forget_what_the_older_schema_can_not_hold)
{
	char client[SECRET_MAX];
	world_ctl(&w, &r, "org", "create", "acme", "--token-type", "at+jwt");
	expect_down_refused("token type");
	world_ctl(&w, &r, "client", "set", "--org", "acme", "--token-type", "default");
	world_ctl(&w, &r, "client", "create", "--org", "acme", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", client, sizeof client);
	world_ctl(&w, &r, "client", "delete", client, "--yes");
	expect_down_refused("deleted");
}

Test(migrate, down_refuses_while_there_are_rows_of_platform_tokens)
{
	world_ctl(&w, &r, "token", "mint", "--platform");
	expect_down_refused("platform tokens");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where organization_id is null"), 1);
}

Test(migrate, an_unmigrated_database_is_refused_by_both_programs)
{
	take_empty_database("m2m_owner");
	expect_exit(0, "migrate", "status");
	cr_expect(says(r.out, "pending"), "%s", r.out);
	expect_exit(6, "org", "list");
	cr_expect(one_line(r.err) && says(r.err, "m2mctl migrate up"), "%s", r.err);
	expect_gateway_refuses("m2mctl migrate up");
}

Test(migrate, a_migration_that_was_changed_is_refused_by_both_programs)
{
	sql_exec(world_db(&w), "update m2m.schema_migration set checksum = sha256('another file')");
	expect_exit(6, "migrate", "status");
	cr_expect(says(r.out, "changed since it was applied"), "%s", r.out);
	expect_exit(6, "migrate", "up");
	cr_expect(one_line(r.err) && says(r.err, "migration 1"), "%s", r.err);
	expect_exit(6, "migrate", "down", "--yes");
	expect_exit(6, "org", "create", "acme");
	cr_expect(one_line(r.err) && says(r.err, "migration 1"), "%s", r.err);
	cr_expect_str_eq(r.out, "");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization"), 0);
	expect_gateway_refuses("migration 1 ");
}

Test(migrate, a_newer_migration_is_refused_by_both_programs)
{
	sql_exec(world_db(&w), "insert into m2m.schema_migration (version, name, checksum) values (999, 'from_the_future', sha256('f'))");
	expect_exit(6, "migrate", "status");
	cr_expect(says(r.out, "from_the_future") && says(r.out, "unknown to this program"), "%s", r.out);
	expect_exit(6, "migrate", "up");
	cr_expect(one_line(r.err) && says(r.err, "from_the_future"), "%s", r.err);
	expect_exit(6, "org", "list");
	cr_expect(one_line(r.err) && says(r.err, "from_the_future"), "%s", r.err);
	expect_gateway_refuses("version 999");
}

/* ---- exit codes and help ---- */

Test(m2mctl, each_exit_code_means_what_help_says)
{
	char other_keys[TMP_PATH];
	struct env plain;
	env_init(&plain);
	expect_exit(0, "org", "create", "acme");
	expect_exit(1, "org", "create", "acme"); /* it exists */
	cr_expect(one_line(r.err) && says(r.err, "acme"), "%s", r.err);
	cr_expect_str_eq(r.out, "");
	expect_exit(2, "org", "create", "--no-such-option", "acme");
	expect_exit(2, "org", "create", "Not a slug");
	expect_exit(2, "org", "explode");
	expect_exit(2, "explode");
	expect_exit(2, "org", "show", "acme", "--output", "yaml");
	cr_expect_eq(ctl(&plain, &r, "org", "list"), 3);
	cr_expect(one_line(r.err) && says(r.err, "M2M_ADMIN_DATABASE_URL"), "%s", r.err);
	expect_exit(4, "org", "show", "nobody");
	expect_exit(4, "client", "show", "--org", "nobody");
	expect_exit(4, "client", "secret", "m2m_0000000000000000000000");

	tmp_path(other_keys, "other", ".keys");
	tmp_write(other_keys, "k1: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE=%s", other_keys);
	expect_exit(6, "org", "create", "second");
	expect_exit(6, "client", "rotate", "--org", "acme");
	expect_exit(6, "client", "secret", "--org", "acme");
	expect_exit(6, "config", "check");

	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@127.0.0.1:%u/nowhere", free_port());
	expect_exit(5, "org", "list");
	cr_expect_str_eq(r.out, "");
	expect_exit(5, "migrate", "up");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select max(secret_version) from m2m.client"), 1);
}

static const struct {
	const char *group, *name, *options[8];
} commands[] = {
	{"migrate", "up", {"M2M_MASTER_KEYS_FILE"}},
	{"migrate", "down", {"--yes"}},
	{"migrate", "status", {"--output"}},
	{"org", "create", {"--name", "--role", "--scope", "--audience", "--lifetime", "--issuer", "--external-id"}},
	{"org", "list", {"--output"}},
	{"org", "show", {"SLUG|ID"}},
	{"org", "disable", {"SLUG|ID"}},
	{"org", "enable", {"SLUG|ID"}},
	{"org", "set", {"SLUG|ID", "--name", "--issuer", "--external-id", "--no-external-id"}},
	{"org", "delete", {"SLUG|ID", "--yes"}},
	{"client", "create", {"--org", "--name", "--role", "--scope", "--audience", "--lifetime", "--token-type"}},
	{"client", "list", {"--org"}},
	{"client", "default", {"CLIENT_ID", "--org"}},
	{"client", "delete", {"CLIENT_ID", "--org", "--yes"}},
	{"client", "show", {"--org", "CLIENT_ID"}},
	{"client", "secret", {"--org", "CLIENT_ID"}},
	{"client", "rotate", {"--org", "CLIENT_ID", "--grace"}},
	{"client", "disable", {"--org", "CLIENT_ID"}},
	{"client", "enable", {"--org", "CLIENT_ID"}},
	{"client", "set", {"--org", "CLIENT_ID", "--role", "--scope", "--audience", "--lifetime", "--name"}},
	{"token", "mint", {"--org", "--subject", "--role", "--audience", "--lifetime"}},
	{"token", "inspect", {"TOKEN", "stdin"}},
	{"key", "list", {"--output"}},
	{"audit", "tokens", {"--since", "--until", "--address", "--alive", "--follow", "--limit"}},
	{"audit", "report", {"--org", "--client", "tokens_per_day", "failed_attempts_by_address"}},
	{"audit", "story", {"JTI"}},
	{"audit", "partitions", {"--ahead"}},
	{"audit", "verify", {"--days", "--head", "--only", "--export"}},
	{"audit", "export", {"PARTITION", "--to"}},
	{"audit", "head", {"--days"}},
	{"audit", "prove", {"JTI"}},
	{"config", "check", {"--output"}},
};

/* The help of a line of the overview, "group name summary", or "group inner name summary" where
 * `inner` is a group in the group. *ret_title: the command. */
static int help_of_line(const struct env *plain, const char *line, char ret_title[128])
{
	char group[32] = "", name[32] = "", third[32] = "";
	sscanf(line, " %31[a-z] %31[a-z-] %31[a-z-]", group, name, third);
	int status = ctl(plain, &r, group, name, "--help");
	bool is_group = strncmp(r.out, "usage: ", 7) != 0;
	snprintf(ret_title, 128, "%s %s%s%s", group, name, is_group ? " " : "", is_group ? third : "");
	return status == 0 && is_group ? ctl(plain, &r, group, name, third, "--help") : status;
}

/* Also those commands that were added since the table was written: the overview names them all. */
Test(m2mctl, help_of_each_command_works_without_settings_and_names_its_options)
{
	char usage[160], title[128], group[32], known[32] = "", name[32];
	struct env plain;
	unsigned listed = 0;
	env_init(&plain);
	cr_assert_eq(ctl(&plain, &r2, "--help"), 0);
	for (unsigned i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		cr_assert_eq(ctl(&plain, &r, commands[i].group, commands[i].name, "--help"), 0, "%s", r.err);
		for (unsigned k = 0; commands[i].options[k] != NULL; k++)
			cr_expect(says(r.out, commands[i].options[k]), "%s %s: no %s", commands[i].group, commands[i].name,
				  commands[i].options[k]);
	}
	for (const char *line = r2.out; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		/* A command's line has two spaces, its group and its name; a setting's or an
		 * example's looks alike and has no such group. */
		if (strncmp(line, "  ", 2) != 0 || sscanf(line + 2, "%31[a-z] %31[a-z-] ", group, name) != 2 ||
		    (strcmp(group, known) != 0 && ctl(&plain, &r, group, "--help") != 0))
			continue;
		snprintf(known, sizeof known, "%s", group);
		listed++;
		cr_expect_eq(help_of_line(&plain, line, title), 0, "%s: %s", title, r.err);
		snprintf(usage, sizeof usage, "usage: m2mctl %s", title);
		cr_expect_eq(strncmp(r.out, usage, strlen(usage)), 0, "%s", r.out);
		cr_expect(says(r.out, "Example:"), "%s", title);
		cr_expect_str_eq(r.err, "");
	}
	cr_expect_geq(listed, sizeof commands / sizeof commands[0]);
}

/* ---- output ---- */

static struct arena *arena;

static const struct json *json_of(const char *text)
{
	const struct json *v = NULL;
	enum err err = json_parse(arena, str_of(text), (struct json_limits){.max_depth = 8, .max_values = 2000}, &v);
	cr_assert_eq(err, 0, "no JSON: %s", text);
	return v;
}

/* What the text form shows of a value; a list's words are joined with spaces. */
static void shown(const struct json *v, char *out, size_t cap)
{
	size_t n = 0;
	out[0] = '\0';
	switch (v->type) {
	case JSON_ARRAY:
		for (const struct json *word = v->child; word != NULL && n < cap; word = word->next)
			n += (size_t)snprintf(out + n, cap - n, "%s%.*s", n == 0 ? "" : " ", STR_ARG(word->text));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		snprintf(out, cap, "%s", v->type == JSON_TRUE ? "yes" : "no");
		break;
	default:
		snprintf(out, cap, "%.*s", STR_ARG(v->text));
	}
	if (out[0] == '\0')
		snprintf(out, cap, "-");
}

/* The value behind a key at a line's beginning. */
static void text_value(const char *text, struct str key, char *out, size_t cap)
{
	out[0] = '\0';
	for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *value = line + key.n;
		if (strncmp(line, key.p, key.n) != 0 || *value != ' ')
			continue;
		value += strspn(value, " ");
		snprintf(out, cap, "%.*s", (int)strcspn(value, "\n"), value);
		return;
	}
}

struct env_name {
	const char *env, *key;
};

/* One record: every member of the JSON form stands in the text form with the same value, and so
 * do the lines of the env form. */
static void expect_record_agrees(const char *json, const char *text, const char *env, const struct env_name *names)
{
	char want[2048], got[2048];
	unsigned lines = 0;
	const struct json *object = json_of(json);
	cr_assert_eq(object->type, JSON_OBJECT);
	for (const char *c = text; *c != '\0'; c++)
		lines += *c == '\n';
	for (const struct json *m = object->child; m != NULL; m = m->next, lines--) {
		text_value(text, m->key, got, sizeof got);
		if (m->type == JSON_OBJECT) {
			cr_expect_eq(json_of(got)->type, JSON_OBJECT, "%.*s: %s", STR_ARG(m->key), got);
			continue;
		}
		shown(m, want, sizeof want);
		cr_expect_str_eq(got, want, "%.*s", STR_ARG(m->key));
	}
	cr_expect_eq(lines, 0, "text and JSON have other members: %s%s", text, json);
	for (; names != NULL && names->env != NULL; names++) {
		static struct ctl_result e;
		snprintf(e.out, sizeof e.out, "%s", env);
		ctl_value(&e, names->env, got, sizeof got);
		shown(json_get(object, names->key), want, sizeof want);
		cr_expect_str_eq(got, want, "%s", names->env);
	}
}

/* Runs the same reading command in its three forms. */
static void expect_forms_agree(const struct env_name *names, const char *const *args)
{
	static struct ctl_result forms[3];
	static const char *const form[] = {"json", "text", "env"};
	for (int i = 0; i < 3; i++) {
		const char *with[16] = {"--output", form[i]};
		for (unsigned k = 0; args[k] != NULL && k < 13; k++)
			with[k + 2] = args[k];
		world_ctl_run(&w, &forms[i], with);
		cr_expect_str_eq(forms[i].err, "");
	}
	expect_record_agrees(forms[0].out, forms[1].out, forms[2].out, names);
}

/* A list: one line a row below the titles, and every value in its order. Lists have no env form. */
static void expect_list_agrees(const char *group, const char *name, unsigned at_least)
{
	unsigned rows = 0;
	char value[512];
	expect_exit(2, group, name, "--output", "env");
	world_ctl(&w, &r, group, name, "--output", "json");
	world_ctl(&w, &r2, group, name);
	const struct json *list = json_of(r.out);
	cr_assert_eq(list->type, JSON_ARRAY);
	const char *at = strchr(r2.out, '\n');
	for (const struct json *row = list->child; row != NULL; row = row->next, rows++) {
		for (const struct json *m = row->child; m != NULL && at != NULL; m = m->next) {
			shown(m, value, sizeof value);
			at = strstr(at, value);
			cr_expect_not_null(at, "%s %s, row %u: no %s in %s", group, name, rows, value, r2.out);
			at = at == NULL ? NULL : at + strlen(value);
		}
	}
	cr_expect_geq(rows, at_least);
	unsigned lines = 0;
	for (const char *c = r2.out; *c != '\0'; c++)
		lines += *c == '\n';
	cr_expect_eq(lines, rows + 1);
}

static const struct env_name org_names[] = {
	{"M2M_ORGANIZATION", "slug"}, {"M2M_ORGANIZATION_ID", "organization_id"}, {"M2M_CLIENT_ID", "client_id"}, {NULL, NULL}};
static const struct env_name client_names[] = {
	{"M2M_ORGANIZATION", "organization"}, {"M2M_ORGANIZATION_ID", "organization_id"}, {"M2M_CLIENT_ID", "client_id"}, {NULL, NULL}};
static const struct env_name secret_names[] = {{"M2M_CLIENT_ID", "client_id"}, {"M2M_CLIENT_SECRET", "client_secret"}, {NULL, NULL}};

Test(m2mctl, text_json_and_env_say_the_same)
{
	char token[TOKEN_MAX];
	struct org o;
	arena = arena_new(1 << 22);
	world_ctl(&w, &r, "org", "create", "acme", "--name", "Acme \"Größe\" & Söhne's", "--scope", "orders:read", "--scope",
		  "orders:write", "--audience", "https://api.test/", "--lifetime", "600");
	org_create(&w, "other", &o);
	expect_forms_agree(org_names, (const char *const[]){"org", "show", "acme", NULL});
	expect_forms_agree(org_names, (const char *const[]){"org", "disable", "other", NULL});
	expect_forms_agree(org_names, (const char *const[]){"org", "enable", "other", NULL});
	expect_forms_agree(client_names, (const char *const[]){"client", "show", "--org", "acme", NULL});
	expect_forms_agree(client_names, (const char *const[]){"client", "disable", "--org", "other", NULL});
	expect_forms_agree(client_names, (const char *const[]){"client", "enable", "--org", "other", NULL});
	expect_forms_agree(client_names,
			   (const char *const[]){"client", "set", o.client_id, "--role", "member", "--lifetime", "120", NULL});
	expect_forms_agree(secret_names, (const char *const[]){"client", "secret", "--org", "acme", NULL});
	mint(&w, "acme", "admin", token);
	expect_forms_agree(NULL, (const char *const[]){"token", "inspect", token, NULL});
	expect_list_agrees("org", "list", 2);
	expect_list_agrees("key", "list", 1);
	expect_list_agrees("migrate", "status", 1);
	expect_list_agrees("config", "check", 4);
	arena_free(arena);
}

/* What makes something new can't be run three times for one answer: each form is held against
 * what is read afterwards. */
Test(m2mctl, what_was_made_is_printed_as_it_can_be_read)
{
	static const char *const form[] = {"json", "text", "env"};
	arena = arena_new(1 << 22);
	for (int i = 0; i < 3; i++) {
		char slug[16], secret[SECRET_MAX], token[TOKEN_MAX];
		snprintf(slug, sizeof slug, "acme-%d", i);
		world_ctl(&w, &r, "org", "create", slug, "--output", form[i]);
		world_ctl(&w, &r2, "client", "secret", "--org", slug, "--output", "env");
		ctl_value(&r2, "M2M_CLIENT_SECRET", secret, sizeof secret);
		cr_expect(says(r.out, secret) && says(r.out, slug), "%s", r.out);
		world_ctl(&w, &r, "client", "rotate", "--org", slug, "--output", form[i]);
		cr_expect(!says(r.out, secret));
		world_ctl(&w, &r2, "client", "secret", "--org", slug, "--output", "env");
		ctl_value(&r2, "M2M_CLIENT_SECRET", secret, sizeof secret);
		cr_expect(says(r.out, secret), "%s", r.out);
		if (i == 0)
			json_of(r.out);
		world_ctl(&w, &r, "token", "mint", "--org", slug, "--output", form[i]);
		if (i == 0)
			snprintf(token, sizeof token, "%.*s", STR_ARG(json_get(json_of(r.out), "access_token")->text));
		else if (i == 1)
			snprintf(token, sizeof token, "%.*s", (int)strcspn(r.out, "\n"), r.out);
		else
			ctl_value(&r, "M2M_ADMIN_TOKEN", token, sizeof token);
		expect_exit(0, "token", "inspect", token);
	}
	arena_free(arena);
}

/* ---- secrets, and the record ---- */

Test(m2mctl, secrets_are_printed_where_they_are_asked_for_and_nowhere_else)
{
	char first[SECRET_MAX], second[SECRET_MAX];
	struct org o;
	org_create(&w, "acme", &o);
	snprintf(first, sizeof first, "%s", o.secret);
	world_ctl(&w, &r, "client", "rotate", "--org", "acme", "--grace", "60", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_SECRET", second, sizeof second);
	cr_expect(!says(r.out, first) && !says(r.err, first) && !says(r.err, second));

	static const char *const silent[][8] = {
		{"org", "show", "acme"},
		{"org", "list"},
		{"org", "disable", "acme"},
		{"org", "enable", "acme"},
		{"client", "show", "--org", "acme"},
		{"client", "set", "--org", "acme", "--name", "n"},
		{"client", "disable", "--org", "acme"},
		{"client", "enable", "--org", "acme"},
		{"token", "mint", "--org", "acme"},
		{"key", "list"},
		{"config", "check"},
		{"migrate", "up"},
		{"migrate", "status"},
	};
	for (unsigned i = 0; i < sizeof silent / sizeof silent[0]; i++) {
		for (int json = 0; json < 2; json++) {
			const char *args[10] = {"--output", json ? "json" : "text"};
			memcpy(args + 2, silent[i], sizeof silent[i]);
			world_ctl_run(&w, &r, args);
			cr_expect(!says(r.out, "m2ms_") && !says(r.err, "m2ms_"), "%s %s: %s%s", silent[i][0], silent[i][1], r.out, r.err);
			bool token = says(r.out, "eyJ") || says(r.err, "eyJ");
			cr_expect_eq(token, strcmp(silent[i][1], "mint") == 0, "%s %s: %s%s", silent[i][0], silent[i][1], r.out, r.err);
			cr_expect(!says(r.err, "eyJ"));
		}
	}
	/* A secret that is given where something else belongs isn't repeated. */
	ctl(&w.ctl_env, &r, "token", "inspect", second);
	cr_expect(r.exit_code != 0 && !says(r.out, second) && !says(r.err, second), "%s", r.err);
}

Test(m2mctl, every_act_has_its_row_in_admin_audit)
{
	static const struct {
		const char *action, *args[10];
	} steps[] = {
		{"create_organization", {"org", "create", "acme"}},
		{"disable_organization", {"org", "disable", "acme"}},
		{"enable_organization", {"org", "enable", "acme"}},
		{"read_secret", {"client", "secret", "--org", "acme"}},
		{"rotate_secret", {"client", "rotate", "--org", "acme"}},
		{"set_client", {"client", "set", "--org", "acme", "--scope", "orders:read", "--lifetime", "900"}},
		{"disable_client", {"client", "disable", "--org", "acme"}},
		{"enable_client", {"client", "enable", "--org", "acme"}},
		{"mint_token", {"token", "mint", "--org", "acme", "--subject", "alice"}},
	};
	for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		cr_expect_eq(acts(steps[i].action), 0, "%s", steps[i].action);
		world_ctl_run(&w, &r, steps[i].args);
		cr_expect_eq(acts(steps[i].action), 1, "%s", steps[i].action);
	}
	cr_expect_eq(acts("create_client"), 1);
	cr_expect_eq(acts("migrate_up"), SCHEMA);
	cr_expect_eq(acts("create_signing_key"), 1);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action not in ('migrate_up', 'create_signing_key',"
			     " 'register_master_key') and (organization_id is null or request_id is null or transport <> 'c')"),
		     0);
	cr_expect_str_eq(sql_text(world_db(&w), "select caller || ' ' || transport::text from m2m.token_audit"), "alice c");
	cr_expect_str_eq(sql_text(world_db(&w), "select detail->>'token_lifetime' from m2m.admin_audit where action = 'set_client'"),
			 "900");

	/* Looking is no act, and what failed has done nothing. */
	int64_t rows = sql_int(world_db(&w), "select count(*) from m2m.admin_audit");
	expect_exit(0, "org", "show", "acme");
	expect_exit(0, "client", "show", "--org", "acme");
	expect_exit(0, "config", "check");
	expect_exit(4, "client", "rotate", "--org", "nobody");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit"), rows);
	/* What the database refused is on record as well. */
	expect_exit(1, "org", "create", "acme");
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'create_organization' and outcome = 'already_exists'"),
		     1);
	/* And a refused reading. */
	world_ctl(&w, &r, "client", "disable", "--org", "acme");
	expect_exit(4, "client", "secret", "--org", "acme");
	cr_expect_eq(
		sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'read_secret' and outcome = 'client_not_found'"),
		1);
}
