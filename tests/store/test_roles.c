/* What each role of the schema can and can't do. Logins are made as an administrator would make
 * them, members of the schema's roles, and every attempt is made over a connection of that
 * login: what must fail fails with insufficient_privilege (42501), what must work works. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define REFUSED "42501"
#define DONE    "00000"

static struct world w;
static struct org acme, other;

/* Roles belong to the cluster, which other tests use at the same time and which ends with this
 * program: each test names its own and leaves them. */
static char auditor_login[64], acme_login[64], both_login[64], unmapped_login[64];

static void make_login(char out[64], const char *name, const char *role)
{
	snprintf(out, 64, "%s_%s", name, w.database);
	sql_exec(world_db(&w), "create role %s login in role %s", out, role);
}

static PGconn *as(const char *login)
{
	char url[PG_URL];
	pg_url(&w.pg, login, w.database, url);
	return sql_open(url);
}

static void add_rows(const struct org *o)
{
	PGconn *db = world_db(&w);
	sql_exec(db,
		 "insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, "
		 "transport, client_id,"
		 " kid, caller, scope, audience) select now(), now() + interval '1 day', gen_random_uuid(), '%s', gen_random_uuid(),"
		 " gen_random_uuid(), 1, 'r', '%s', 'k', '%s', 'api', 'public-api' from generate_series(1, 3)",
		 o->id, o->client_id, o->client_id);
	sql_exec(db,
		 "insert into m2m.admin_audit (action, outcome, actor, organization_id, client_id, secret_version, transport)"
		 " values ('read_secret', 'granted', 'somebody', '%s', '%s', 1, 'r')",
		 o->id, o->client_id);
	sql_exec(db, "insert into m2m.denied_audit values (now(), '%s', '192.0.2.1', 'invalid_client', 4, gen_random_uuid())",
		 o->client_id);
}

static char acme_jti[40];

/* Last week's tokens as they were counted, in the same day and key. */
static void add_counts(const struct org *o)
{
	sql_exec(world_db(&w),
		 "insert into m2m.token_usage values (current_date, '%s', '%s', 1, 'k', 5, now() - interval '8 days', now() - interval '7 "
		 "days')",
		 o->id, o->client_id);
}

static void map(const char *login, const struct org *o)
{
	sql_exec(world_db(&w), "insert into m2m.organization_auditor values ('%s', '%s')", login, o->id);
}

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other));

static void prepare(void)
{
	world_prepare_filled(&w, false);
	add_rows(&acme);
	add_rows(&other);
	add_counts(&acme);
	add_counts(&other);
	snprintf(acme_jti, sizeof acme_jti, "%s",
		 sql_text(world_db(&w), "select jti from m2m.token_audit where organization_id = '%s'", acme.id));
	make_login(auditor_login, "auditor", "m2m_auditor");
	make_login(acme_login, "acme", "m2m_organization_auditor");
	make_login(both_login, "both", "m2m_organization_auditor");
	make_login(unmapped_login, "unmapped", "m2m_organization_auditor");
	map(acme_login, &acme);
	map(both_login, &acme);
	map(both_login, &other);
}

static void finish(void)
{
	world_close(&w);
}

TestSuite(roles, .init = prepare, .fini = finish, .timeout = 120);

static void expect_each(PGconn *db, const char *const *statements, const char *want)
{
	for (; *statements != NULL; statements++) {
		const char *got = sql_state(db, "%s", *statements);
		cr_expect_str_eq(got, want, "%s: SQLSTATE %s, not %s, as %s", *statements, got, want, PQuser(db));
	}
}

#define each(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Names from the catalog, joined with spaces, so that a table which is added later is tried too. */
struct names {
	char text[SQL_VALUE];
	size_t at; /* of the next one */
};

static struct names names_of(const char *query)
{
	struct names n;
	snprintf(n.text, sizeof n.text, "%s", sql_text(world_db(&w), "select string_agg(name, ' ') from (%s) as n(name)", query));
	n.at = 0;
	return n;
}

static const char *next_name(struct names *n)
{
	char *name = n->text + n->at;
	size_t length = strcspn(name, " ");
	n->at += length + (name[length] == ' ');
	name[length] = '\0';
	return length == 0 ? NULL : name;
}

#define RELATIONS(kinds)                                                                                                                   \
	"select relname from pg_class where relnamespace = 'm2m'::regnamespace and relkind in (" kinds ") and not relispartition"
#define PARTITIONS "select inhrelid::regclass::text from pg_inherits where inhparent = 'm2m.token_audit'::regclass"

static const char *first_column(const char *table)
{
	return sql_text(world_db(&w), "select attname from pg_attribute where attrelid = 'm2m.%s'::regclass and attnum = 1", table);
}

static const char *lock_state(PGconn *db, const char *table, const char *mode)
{
	static char state[6];
	snprintf(state, sizeof state, "%s", sql_state(db, "begin; lock table m2m.%s in %s mode", table, mode));
	sql_exec(db, "rollback");
	return state;
}

static void expect_no_write(const char *login)
{
	PGconn *db = as(login);
	struct names tables = names_of(RELATIONS("'r', 'p'"));
	unsigned tried = 0;
	for (const char *table; (table = next_name(&tables)) != NULL; tried++) {
		char column[64];
		snprintf(column, sizeof column, "%s", first_column(table));
		cr_expect_str_eq(sql_state(db, "insert into m2m.%s default values", table), REFUSED, "%s inserts into %s", login, table);
		cr_expect_str_eq(sql_state(db, "update m2m.%s set %s = null", table, column), REFUSED, "%s updates %s", login, table);
		cr_expect_str_eq(sql_state(db, "delete from m2m.%s", table), REFUSED, "%s deletes from %s", login, table);
		cr_expect_str_eq(sql_state(db, "truncate m2m.%s", table), REFUSED, "%s truncates %s", login, table);
		cr_expect_str_eq(lock_state(db, table, "row exclusive"), REFUSED, "%s locks %s", login, table);
	}
	cr_expect_geq(tried, 10);
	/* Columns and views too, by the catalog. */
	cr_expect_str_eq(sql_text(db, "select coalesce(string_agg(oid::regclass::text, ' '), '') from pg_class"
				      " where relnamespace = 'm2m'::regnamespace and relkind in ('r', 'p', 'v')"
				      " and (has_table_privilege(oid, 'delete, truncate, references, trigger')"
				      " or has_any_column_privilege(oid, 'insert, update, references'))"),
			 "");
	expect_each(db,
		    each("create table m2m.mine (i int)", "create view m2m.mine as select 1", "create schema mine",
			 "drop schema m2m cascade", "create function m2m.mine() returns int language sql as 'select 1'",
			 "select m2m.audit_partitions_ahead(28)", "set role m2m_owner", "set role m2m_gateway",
			 "set session authorization m2m_owner", "alter role m2m_gateway login"),
		    REFUSED);
	PQfinish(db);
}

Test(roles, the_gateway_can_neither_change_nor_read_the_audit)
{
	PGconn *db = as("m2m_gateway");
	static const char *const tables[] = {"token_audit", "admin_audit", "denied_audit"};
	for (unsigned i = 0; i < 3; i++) {
		const char *table = tables[i];
		char column[64];
		snprintf(column, sizeof column, "%s", first_column(table));
		cr_expect_str_eq(sql_state(db, "update m2m.%s set %s = now()", table, column), REFUSED, "%s", table);
		cr_expect_str_eq(sql_state(db, "delete from m2m.%s", table), REFUSED, "%s", table);
		cr_expect_str_eq(sql_state(db, "truncate m2m.%s", table), REFUSED, "%s", table);
		cr_expect_str_eq(sql_state(db, "select from m2m.%s", table), REFUSED, "%s", table);
		cr_expect_str_eq(sql_state(db, "copy m2m.%s to stdout", table), REFUSED, "%s", table);
		cr_expect_str_eq(lock_state(db, table, "access exclusive"), REFUSED, "%s", table);
		cr_expect_str_eq(sql_state(db, "alter table m2m.%s disable row level security", table), REFUSED, "%s", table);
	}
	sql_exec(db, "set client_min_messages = error");
	/* without the right to grant that's a warning, and no grant */
	sql_exec(db, "grant select on m2m.token_audit to m2m_gateway");
	expect_each(db,
		    each("select from m2m.token_audit", "select from m2m.tokens_issued", "select from m2m.secrets_read",
			 "select from m2m.denied_attempts"),
		    REFUSED);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit"), 6);
	PQfinish(db);
}

/* Each table of the audit, each week of it, and one that was made later. */
static void expect_append_only(PGconn *db)
{
	static const char *const tables[] = {"m2m.token_audit", "m2m.admin_audit", "m2m.denied_audit"};
	for (unsigned i = 0; i < 3; i++) {
		cr_expect_str_eq(sql_state(db, "update %s set client_id = 'x'", tables[i]), REFUSED, "%s", tables[i]);
		cr_expect_str_eq(sql_state(db, "delete from %s", tables[i]), REFUSED, "%s", tables[i]);
		cr_expect_str_eq(sql_state(db, "truncate %s", tables[i]), REFUSED, "%s", tables[i]);
	}
	struct names weeks = names_of(PARTITIONS);
	unsigned tried = 0, held = 0;
	for (const char *week; (week = next_name(&weeks)) != NULL; tried++) {
		cr_expect_str_eq(sql_state(db, "truncate %s", week), REFUSED, "%s", week);
		if (sql_int(world_db(&w), "select count(*) from %s", week) == 0)
			continue; /* without rows there is nothing to refuse */
		held++;
		cr_expect_str_eq(sql_state(db, "update %s set scope = 'x'", week), REFUSED, "%s", week);
		cr_expect_str_eq(sql_state(db, "delete from %s", week), REFUSED, "%s", week);
	}
	cr_expect_geq(tried, 10);
	cr_expect_eq(held, 3, "this week's, a later one's, the default one's");
	cr_expect_str_eq(sql_state(db, "merge into m2m.token_audit t using (select 1) o on true when matched then delete"), REFUSED);
}

Test(roles, the_audit_is_append_only_for_a_superuser_and_for_a_login_that_was_granted_all)
{
	PGconn *super = world_db(&w);
	char granted[64];
	sql_exec(super, "select m2m.audit_partitions_ahead(100)");
	sql_exec(super,
		 "insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, scope, audience)"
		 " select at, at, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a'"
		 " from unnest(array[now() + interval '100 days', now() + interval '10 years']) at");
	expect_append_only(super);

	make_login(granted, "granted", "m2m_auditor");
	sql_exec(super, "grant all on all tables in schema m2m to %s", granted);
	sql_exec(super, "alter role %s bypassrls", granted);
	PGconn *db = as(granted);
	expect_append_only(db);
	PQfinish(db);
	cr_expect_eq(sql_int(super, "select count(*) from m2m.token_audit"), 8);
	sql_exec(super, "reassign owned by %s to postgres; drop owned by %s", granted, granted);

	/* The owner can: that is what tamper evidence is for. */
	sql_exec(super, "set role m2m_owner");
	expect_each(super,
		    each("update m2m.token_audit set scope = 'x'", "delete from m2m.admin_audit", "truncate m2m.denied_audit",
			 "truncate m2m.token_audit"),
		    DONE);
	sql_exec(super, "reset role");
	cr_expect_eq(sql_int(super, "select count(*) from m2m.token_audit"), 0);
}

Test(roles, the_gateway_has_no_ddl_and_no_way_to_become_another_role)
{
	PGconn *db = as("m2m_gateway");
	expect_each(db,
		    each("create table m2m.mine (i int)", "create view m2m.mine as select 1", "create sequence m2m.mine",
			 "create type m2m.mine as (i int)", "create function m2m.mine() returns int language sql as 'select 1'",
			 "create table public.mine (i int)", "create schema mine", "create index on m2m.client (name)",
			 "alter table m2m.client add mine int", "alter table m2m.client disable trigger all",
			 "alter table m2m.token_audit detach partition m2m.token_audit_default", "drop table m2m.token_audit_default",
			 "drop table m2m.client cascade", "drop schema m2m cascade",
			 "create or replace view m2m.signing_key_current as select 'k' as kid",
			 "create or replace function m2m.audit_partitions_ahead(days int) returns int language sql as 'select 1'",
			 "drop function m2m.audit_partitions_ahead(int)", "select m2m.audit_drop_partition('token_audit_default')",
			 "alter table m2m.token_audit disable trigger append_only", "drop trigger append_only on m2m.token_audit",
			 "create policy mine on m2m.organization using (true)", "set role m2m_owner", "set role m2m_auditor",
			 "set session authorization m2m_owner", "alter role m2m_gateway createrole", "create role mine"),
		    REFUSED);
	PQfinish(db);
}

Test(roles, the_gateway_deletes_nothing_makes_no_keys_and_renames_nobody)
{
	PGconn *db = as("m2m_gateway");
	expect_each(db,
		    each("delete from m2m.client", "delete from m2m.organization", "update m2m.organization set slug = 'mine'",
			 "update m2m.organization set organization_id = gen_random_uuid()",
			 "update m2m.organization set created_at = now()", "update m2m.client set created_at = now()",
			 "update m2m.client set organization_id = gen_random_uuid()", "update m2m.client set client_id = client_id",
			 "update m2m.client_secret set verifier = verifier", "update m2m.client_secret set salt = salt",
			 "update m2m.client_secret set key_id = key_id", "update m2m.client_secret set version = version + 1",
			 "update m2m.client_secret set created_at = now()", "delete from m2m.client_secret", "truncate m2m.client_secret",
			 "insert into m2m.schema_migration values (2, 'mine', '')", "update m2m.schema_migration set checksum = ''",
			 "delete from m2m.schema_migration", "insert into m2m.signing_key default values",
			 "update m2m.signing_key set state = 'active'", "delete from m2m.signing_key",
			 "update m2m.key_check set check_value = check_value", "delete from m2m.key_check",
			 "insert into m2m.organization_auditor default values", "select from m2m.organization_auditor"),
		    REFUSED);
	PQfinish(db);
}

/* Whoever has its login can end tokens, and bring none back to life. */
Test(roles, the_gateway_takes_no_end_of_a_token_back)
{
	PGconn *db = as("m2m_gateway");
	sql_exec(world_db(&w),
		 "insert into m2m.revoked_token values (gen_random_uuid(), now() + interval '1 hour', '%s', '%s', now(), 'it'),"
		 " (gen_random_uuid(), now() - interval '1 hour', '%s', '%s', now(), 'it')",
		 acme.client_id, acme.id, acme.client_id, acme.id);
	sql_exec(world_db(&w),
		 "insert into m2m.tokens_ended values ('%s', '%s', 1, '', date_trunc('second', now()), now() + interval '1 hour')", acme.id,
		 acme.client_id);
	sql_exec(db, "delete from m2m.revoked_token");
	cr_expect_eq(sql_int(db, "select count(*) from m2m.revoked_token where expires_at > now()"), 1);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.revoked_token"), 1, "what expired may leave");
	sql_exec(db, "delete from m2m.tokens_ended");
	cr_expect_eq(sql_int(db, "select count(*) from m2m.tokens_ended"), 1);
	expect_each(db,
		    each("update m2m.revoked_token set expires_at = now()", "truncate m2m.revoked_token", "truncate m2m.tokens_ended",
			 "update m2m.tokens_ended set not_before = not_before - interval '1 s'",
			 "update m2m.tokens_ended set expires_at = now()", "update m2m.tokens_ended set client_id = 'x'",
			 "update m2m.client set tokens_until = null"),
		    REFUSED);
	expect_each(db, each("update m2m.tokens_ended set not_before = 'infinity', expires_at = expires_at + interval '1 s'"), DONE);
	PQfinish(db);
}

Test(roles, the_gateway_gives_no_client_the_platform_s_role)
{
	PGconn *db = as("m2m_gateway");
	cr_expect_str_eq(sql_state(db, "update m2m.client set roles = '{platform}'"), "23514");
	cr_expect_str_eq(sql_state(db, "update m2m.client set roles = '{admin,platform}'"), "23514");
	PQfinish(db);
}

Test(roles, what_was_deleted_stays_deleted_for_the_gateway_and_for_the_owner)
{
	PGconn *gateway = as("m2m_gateway");
	expect_each(gateway,
		    each("update m2m.client set disabled_at = now(), deleted_at = now()",
			 "update m2m.organization set disabled_at = now(), deleted_at = now()"),
		    DONE);
	PGconn *const everyone[] = {gateway, world_db(&w)};
	for (size_t i = 0; i < 2; i++)
		expect_each(everyone[i],
			    each("update m2m.client set deleted_at = null", "update m2m.client set disabled_at = null, deleted_at = null",
				 "update m2m.client set name = 'again'", "update m2m.organization set deleted_at = null",
				 "update m2m.organization set name = 'again'"),
			    REFUSED);
	PQfinish(gateway);
}

Test(roles, the_gateway_cannot_bring_an_ended_secret_back)
{
	PGconn *gateway = as("m2m_gateway");
	sql_exec(world_db(&w), "update m2m.client_secret set ended_at = now(), expires_at = '-infinity' where client_id = '%s'",
		 acme.client_id);
	sql_exec(world_db(&w),
		 "update m2m.client_secret set ended_at = now(), expires_at = now() + interval '1 minute' where client_id = '%s'",
		 other.client_id);
	expect_each(gateway,
		    each("update m2m.client_secret set expires_at = null", "update m2m.client_secret set expires_at = 'infinity'",
			 "update m2m.client_secret set expires_at = now() + interval '2 minutes'"),
		    REFUSED);
	expect_each(gateway, each("update m2m.client_secret set expires_at = '-infinity'", "update m2m.client_secret set over = true"),
		    DONE);
	expect_each(gateway, each("update m2m.client_secret set over = false"), REFUSED);
	PQfinish(gateway);
}

Test(roles, the_gateway_can_do_its_work)
{
	PGconn *db = as("m2m_gateway");
	char statement[1024];
	expect_each(db,
		    each("select * from m2m.schema_migration", "select * from m2m.organization", "select * from m2m.client",
			 "select * from m2m.client_secret", "select * from m2m.signing_key", "select * from m2m.signing_key_current",
			 "select * from m2m.signing_keys", "select * from m2m.key_check", "select * from m2m.idempotency",
			 "select m2m.audit_partitions_ahead(28)"),
		    DONE);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.organization"), 2);
	cr_expect_str_eq(sql_text(db, "show synchronous_commit"), "on");

	snprintf(statement, sizeof statement,
		 "insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, transport, kid, caller, "
		 "scope, audience)"
		 " values (now(), now(), gen_random_uuid(), '%s', gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a')",
		 acme.id);
	cr_expect_str_eq(sql_state(db, "%s", statement), DONE);
	cr_expect_str_eq(sql_state(db, "%s returning jti", statement), REFUSED, "it may read back what it writes");
	expect_each(
		db,
		each("insert into m2m.admin_audit (action, outcome, actor, transport) values ('read_secret', 'granted', 'c', 'r')",
		     "insert into m2m.denied_audit values (now(), null, null, 'invalid_client', 1, gen_random_uuid())",
		     "insert into m2m.key_check values ('k9', sha256('x'))",
		     "insert into m2m.idempotency select organization_id, 'key', '', '', 'c', 1, now() from m2m.organization",
		     "update m2m.idempotency set secret_version = 2", "delete from m2m.idempotency",
		     "insert into m2m.organization (organization_id, slug, name) values (gen_random_uuid(), 'made', 'Made')",
		     "insert into m2m.client (client_id, organization_id, roles, scopes, audiences, secret_version)"
		     " select 'm2m_0000000000000000000000', organization_id, '{}', '{}', '{a}', 1 from m2m.organization where slug = "
		     "'made'",
		     "update m2m.client set roles = '{member}', scopes = '{s}', audiences = '{a}', token_lifetime = 60, name = 'n',"
		     " token_type = 'at+jwt', disabled_at = null where client_id = 'm2m_0000000000000000000000'",
		     "update m2m.organization set name = 'n', issuer = 'i', external_id = 'e', disabled_at = null where slug = 'made'",
		     "delete from m2m.idempotency",
		     "begin; update m2m.client set secret_version = secret_version + 1 where secret_version > 0 and is_default;"
		     " update m2m.client_secret set ended_at = now(), expires_at = '-infinity';"
		     " insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		     " select client_id, secret_version, 'k1', sha256('s'), sha256('v'), 'abcd' from m2m.client where is_default; commit"),
		DONE);
	PQfinish(db);
}

Test(roles, the_auditor_reads_the_audit_and_every_view)
{
	PGconn *db = as(auditor_login);
	struct names views = names_of(RELATIONS("'v'"));
	unsigned tried = 0;
	for (const char *view; (view = next_name(&views)) != NULL; tried++)
		cr_expect_str_eq(sql_state(db, "select * from m2m.%s", view), DONE, "%s", view);
	cr_expect_geq(tried, 8);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.token_audit"), 6);
	cr_expect_eq(sql_int(db, "select count(distinct organization_id) from m2m.admin_audit where action = 'read_secret'"), 2);
	cr_expect_eq(sql_int(db, "select sum(attempts) from m2m.denied_audit"), 8);
	cr_expect_eq(sql_int(db, "select sum(tokens) from m2m.tokens_per_day where organization = 'acme'"), 8);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.tokens_alive_now"), 6);
	cr_expect_eq(sql_int(db, "select tokens from m2m.tokens_by_secret_version where client_id = '%s' and secret_version = 1",
			     acme.client_id),
		     8);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.token_story('%s') where event = 'token issued'", acme_jti), 1);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.tokens_signed_with('k')"), 6);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.secret_last_use where last_used_at is not null"), 2);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.organization_auditor where organization_id = '%s'", acme.id), 2);
	expect_each(db,
		    each("select * from m2m.organization", "select * from m2m.client", "select * from m2m.schema_migration",
			 "select client_id, version, key_id, hint, created_at, ended_at, expires_at from m2m.client_secret",
			 "select kid, alg, state, public_jwk, created_at, active_from, retired_at, revoked_at from m2m.signing_key"),
		    DONE);
	PQfinish(db);
}

Test(roles, the_auditor_sees_nothing_that_makes_or_opens_a_credential)
{
	PGconn *db = as(auditor_login);
	expect_each(db,
		    each("select salt from m2m.client_secret", "select verifier from m2m.client_secret", "select * from m2m.client_secret",
			 "select s from m2m.client_secret s", "select row_to_json(s) from m2m.client_secret s",
			 "select from m2m.client_secret where salt is not null", "select version from m2m.client_secret order by verifier",
			 "copy m2m.client_secret to stdout", "select sealed from m2m.signing_key",
			 "select seal_key_id from m2m.signing_key", "select * from m2m.signing_key", "select from m2m.key_check",
			 "select from m2m.idempotency"),
		    REFUSED);
	PQfinish(db);
}

Test(roles, no_auditor_writes_anything)
{
	expect_no_write(auditor_login);
	expect_no_write(acme_login);
}

/* What an organization's auditor sees, in all that it may read. */
static void expect_sees(PGconn *db, int acmes, int others)
{
	static const char *const by_organization[] = {"token_audit", "tokens_issued", "tokens_alive_now"};
	for (unsigned i = 0; i < 3; i++) {
		const char *name = by_organization[i];
		cr_expect_eq(sql_int(db, "select count(*) from m2m.%s where organization_id = '%s'", name, acme.id), acmes * 3, "%s", name);
		cr_expect_eq(sql_int(db, "select count(*) from m2m.%s where organization_id = '%s'", name, other.id), others * 3, "%s",
			     name);
		cr_expect_eq(sql_int(db, "select count(*) from m2m.%s", name), (acmes + others) * 3, "%s", name);
	}
	cr_expect_eq(sql_int(db, "select count(*) from m2m.organization"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.secrets_read where organization_id = '%s'", acme.id), acmes);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.secrets_read"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.tokens_per_day"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.token_usage"), acmes + others, "what was counted of last week");
	cr_expect_eq(sql_int(db, "select count(distinct organization_id) from m2m.token_usage_to_now"), acmes + others);
	cr_expect_eq(sql_int(db, "select coalesce(sum(organizations), 0) from m2m.tokens_by_signing_key where kid = 'k'"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.secrets_read_or_rotated"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.token('%s')", acme_jti), acmes);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.tokens_by_secret_version"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(distinct organization_id) from m2m.tokens_by_auth_method"), acmes + others);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.tokens_by_secret_version where client_id = '%s'", acme.client_id), acmes);
	cr_expect_eq(sql_int(db, "select count(distinct organization_id) from m2m.admin_audit"), acmes + others);
	/* Rows of no organization, as a migration's, are nobody's. */
	cr_expect_eq(sql_int(db, "select count(*) from m2m.admin_audit where organization_id is null"), 0);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.organization_auditor"), acmes + others);
}

Test(roles, an_organization_auditor_sees_its_own_organizations_only)
{
	PGconn *db = as(acme_login);
	expect_sees(db, 1, 0);
	PQfinish(db);
	db = as(both_login);
	expect_sees(db, 1, 1);
	PQfinish(db);
	db = as(unmapped_login);
	expect_sees(db, 0, 0);
	PQfinish(db);
}

Test(roles, a_mapping_that_is_taken_back_ends_at_once)
{
	PGconn *db = as(acme_login);
	expect_sees(db, 1, 0);
	sql_exec(world_db(&w), "delete from m2m.organization_auditor where role_name = '%s'", acme_login);
	expect_sees(db, 0, 0);
	PQfinish(db);
}

Test(roles, an_organization_auditor_cannot_widen_what_it_sees)
{
	PGconn *db = as(acme_login);
	char widen[256];
	snprintf(widen, sizeof widen, "insert into m2m.organization_auditor values ('%s', '%s')", acme_login, other.id);
	cr_expect_str_eq(sql_state(db, "%s", widen), REFUSED);
	cr_expect_str_eq(sql_state(db, "update m2m.organization_auditor set organization_id = '%s'", other.id), REFUSED);
	cr_expect_str_eq(sql_state(db, "update m2m.organization_auditor set role_name = '%s'", acme_login), REFUSED);
	cr_expect_str_eq(sql_state(db, "set role %s", both_login), REFUSED);
	cr_expect_str_eq(sql_state(db, "set row_security = off; select from m2m.token_audit"), REFUSED);
	sql_exec(db, "set row_security = on");
	expect_each(db,
		    each("select from m2m.client", "select from m2m.client_secret", "select from m2m.denied_audit",
			 "select from m2m.secret_last_use", "select from m2m.denied_attempts", "select from m2m.client_last_use",
			 "select from m2m.clients_never_used", "select from m2m.secrets_used_after_rotation",
			 "select from m2m.failed_attempts_by_client", "select from m2m.failed_attempts_by_address",
			 "select from m2m.token_story(gen_random_uuid())", "select m2m.audit_count_day()",
			 "insert into m2m.token_usage default values", "update m2m.token_usage_until set until = 'infinity'",
			 "select from m2m.signing_key", "select from m2m.key_check", "select from m2m.idempotency",
			 "alter table m2m.token_audit disable row level security", "create policy mine on m2m.token_audit using (true)",
			 "drop policy organization_reads on m2m.token_audit"),
		    REFUSED);
	/* A table of its own under the mapping's name doesn't stand in for it. */
	sql_exec(db, "create temp table organization_auditor as select current_user as role_name, uuid '%s' as organization_id", other.id);
	sql_exec(db, "set search_path = pg_temp, m2m");
	cr_expect_eq(sql_int(db, "select count(*) from m2m.token_audit"), 3);
	/* Nor does a cheap function of its own get to see a row before the policy has. */
	sql_exec(db, "create table pg_temp.seen (id uuid)");
	sql_exec(db, "create function pg_temp.peek(id uuid) returns bool language plpgsql cost 0.0000001 as"
		     " $$ begin insert into pg_temp.seen values (id); return true; end $$");
	sql_exec(db, "select from m2m.token_audit where pg_temp.peek(organization_id)");
	sql_exec(db, "select from m2m.tokens_issued where pg_temp.peek(organization_id)");
	cr_expect_eq(sql_int(db, "select count(*) from pg_temp.seen"), 6);
	cr_expect_eq(sql_int(db, "select count(*) from pg_temp.seen where id <> '%s'", acme.id), 0);
	/* As the role itself rather than as its member, there is no mapping. */
	sql_exec(db, "set role m2m_organization_auditor");
	cr_expect_eq(sql_int(db, "select count(*) from m2m.token_audit"), 0);
	PQfinish(db);
}

Test(roles, partitions_are_closed_to_all_but_the_owner)
{
	const char *const logins[] = {"m2m_gateway", auditor_login, acme_login};
	for (unsigned i = 0; i < sizeof logins / sizeof logins[0]; i++) {
		PGconn *db = as(logins[i]);
		struct names partitions = names_of(PARTITIONS);
		unsigned tried = 0;
		for (const char *name; (name = next_name(&partitions)) != NULL; tried++) {
			cr_expect_str_eq(sql_state(db, "select from %s", name), REFUSED, "%s reads %s", logins[i], name);
			cr_expect_str_eq(sql_state(db, "insert into %s default values", name), REFUSED, "%s writes %s", logins[i], name);
			cr_expect_str_eq(sql_state(db, "delete from %s", name), REFUSED, "%s deletes from %s", logins[i], name);
		}
		cr_expect_geq(tried, 5);
		PQfinish(db);
	}
	PGconn *owner = as("m2m_owner");
	struct names partitions = names_of(PARTITIONS);
	for (const char *name; (name = next_name(&partitions)) != NULL;)
		cr_expect_str_eq(sql_state(owner, "select from %s", name), DONE, "%s", name);
	PQfinish(owner);
}

Test(roles, a_stranger_has_no_access_to_the_schema)
{
	char stranger[64];
	snprintf(stranger, sizeof stranger, "stranger_%s", w.database);
	sql_exec(world_db(&w), "create role %s login", stranger);
	PGconn *db = as(stranger);
	expect_each(db,
		    each("select from m2m.client", "select from m2m.tokens_issued", "select m2m.audit_partitions_ahead(28)",
			 "select m2m.request_uuid('x')"),
		    REFUSED);
	PQfinish(db);
}
