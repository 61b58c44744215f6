/* What an operator meets in m2mctl besides organizations and migrations: keys, config check, the
 * audit, what is printed for shells, clusters and readers. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/expect_ctl.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static struct ctl_result r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_prepare_filled(&w, false);
	env_set(&w.ctl_env, "M2M_JWKS_MAX_AGE=60");
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(ctl, .init = open_world, .fini = close_world, .timeout = 120);
TestSuite(config_check, .init = open_world, .fini = close_world, .timeout = 120);
TestSuite(audit, .init = open_world, .fini = close_world, .timeout = 120);

static int64_t acts(const char *action)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s'", action);
}

/* ---- signing keys ---- */

static void current(char out[64])
{
	snprintf(out, 64, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key_current"));
}

static void made(char out[64])
{
	ctl_value(&r, "M2M_KEY_ID", out, 64);
}

static const char *state_of(const char *kid)
{
	return sql_text(world_db(&w), "select state || ' ' || current from m2m.signing_keys where kid = '%s'", kid);
}

Test(ctl, a_rotated_key_is_published_before_it_signs_and_after_it_has)
{
	char first[64], second[64];
	current(first);
	expect_exit(0, "key", "rotate", "--alg", "ES256", "--margin", "100", "--output", "env");
	made(second);
	cr_expect_str_eq(state_of(second), "next false");
	cr_expect_eq(sql_int(world_db(&w),
			     "select round(extract(epoch from active_from - created_at)) from m2m.signing_key where kid = '%s'", second),
		     165, "5 s of polling, 60 s of caching, 100 s of margin");
	expect_exit(1, "key", "rotate");
	cr_expect(says(r.err, second), "%s", r.err);
	sql_exec(world_db(&w), "update m2m.signing_key set active_from = statement_timestamp() where kid = '%s'", second);
	cr_expect_str_eq(state_of(second), "active true");
	cr_expect_str_eq(state_of(first), "retired false");
	cr_expect_str_eq(sql_text(world_db(&w), "select published_until - retired_at from m2m.signing_keys where kid = '%s'", first),
			 "30 days", "the longest lifetime of a token");
	cr_expect_eq(acts("rotate_signing_key"), 1);
}

Test(ctl, a_rotation_is_called_off_by_retiring_the_key_that_was_to_come)
{
	char first[64], second[64];
	current(first);
	expect_exit(0, "key", "rotate", "--output", "env");
	made(second);
	expect_exit(0, "key", "retire", second);
	cr_expect_str_eq(state_of(second), "retired false");
	sql_exec(world_db(&w), "update m2m.signing_key set active_from = statement_timestamp() where kid = '%s'", second);
	cr_expect_str_eq(state_of(first), "active true");
	expect_exit(1, "key", "retire", second);
	expect_exit(0, "key", "rotate");
	expect_exit(4, "key", "retire", "nothing");
	expect_exit(4, "key", "retire", "--", "-nothing");
	expect_exit(2, "key", "retire", "-nothing");
	expect_exit(2, "key", "retire");
	expect_exit(2, "key", "rotate", "--alg", "HS256");
}

Test(ctl, the_signing_key_leaves_only_for_one_that_verifiers_know)
{
	char first[64], second[64];
	current(first);
	expect_exit(1, "key", "revoke", first);
	cr_expect(says(r.err, "--standby"), "%s", r.err);
	expect_exit(0, "key", "rotate", "--standby", "--output", "env");
	made(second);
	expect_exit(1, "key", "retire", first);
	cr_expect_str_eq(state_of(first), "active true");
	sql_exec(world_db(&w), "update m2m.signing_key set created_at = statement_timestamp() - interval '66 seconds' where kid = '%s'",
		 second);
	expect_exit(0, "key", "revoke", first);
	cr_expect_str_eq(state_of(first), "revoked false");
	cr_expect_str_eq(state_of(second), "active true");
	expect_exit(1, "key", "revoke", first);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'revoke_signing_key' and detail->>'successor' = '%s'",
			     second),
		     1);

	/* with --now there is always one: a new key */
	expect_exit(0, "key", "revoke", second, "--now");
	cr_expect(says(r.err, "signs now") && says(r.err, "don't know it"), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key_current"), 1);
}

Test(ctl, two_that_revoke_at_once_leave_one_key_that_signs)
{
	enum { JOBS = 4 };
	static struct ctl_job jobs[JOBS];
	static struct ctl_result results[JOBS];
	char first[64];
	unsigned done = 0;
	current(first);
	for (int i = 0; i < JOBS; i++)
		ctl_start(&w.ctl_env, &jobs[i], &results[i], (const char *const[]){"key", "revoke", first, "--now", NULL});
	for (int i = 0; i < JOBS; i++)
		done += ctl_finish(&jobs[i], &results[i]) == 0;
	cr_expect_eq(done, 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key_current"), 1);
}

/* ---- config check ---- */

/* The line of the table that holds all of: what was looked at, the result, a part of the detail. */
static bool found(const char *what, const char *result, const char *part)
{
	for (const char *line = r.out; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
		char text[2048];
		snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
		if (strncmp(text, what, strlen(what)) == 0 && says(text, result) && says(text, part))
			return true;
	}
	return false;
}

#define expect_finding(want, what, result, part)                                                                                           \
	do {                                                                                                                               \
		expect_exit(want, "config", "check");                                                                                      \
		cr_expect(found(what, result, part), "no %s about %s with '%s': %s", result, what, part, r.out);                           \
	} while (0)

#define expect_fault(want, what, part) expect_finding(want, what, "FAULT", part)

static void take_admin_login(const char *login, const char *database)
{
	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=postgresql://%s@127.0.0.1:%u/%s", login, w.pg.port, database);
}

static void take_gateway_login(const char *login, const char *database)
{
	env_set(&w.ctl_env, "M2M_DATABASE_URL=postgresql://%s@127.0.0.1:%u/%s", login, w.pg.port, database);
}

/* Logins belong to the cluster, which other tests use: each test names its own. */
static void make_login(char out[96], const char *name, const char *clauses)
{
	snprintf(out, 96, "%s_%s", name, w.database);
	sql_exec(world_db(&w), "create role %s login %s", out, clauses);
}

Test(config_check, finds_nothing_wrong_with_what_is_right)
{
	take_gateway_login("m2m_gateway", w.database);
	cr_assert_eq(chmod(shared_master_keys(), 0600), 0);
	expect_exit(0, "config", "check");
	cr_expect_not(says(r.out, "FAULT") || says(r.out, "WARNING"), "%s", r.out);
	static const char *const looked_at[] = {"settings", "database", "schema", "master keys", "signing key", "gateway's database"};
	for (size_t i = 0; i < sizeof looked_at / sizeof *looked_at; i++)
		cr_expect(found(looked_at[i], "OK", ""), "%s: %s", looked_at[i], r.out);
}

Test(config_check, tells_every_faulty_setting_at_once)
{
	env_set(&w.ctl_env, "M2M_NO_SUCH_THING=1");
	env_set(&w.ctl_env, "M2M_WORKERS=many");
	env_set(&w.ctl_env, "M2M_TRUSTED_ISSUERS_FILE=/nowhere/issuers");
	expect_exit(3, "config", "check");
	cr_expect(says(r.err, "M2M_NO_SUCH_THING") && says(r.err, "M2M_WORKERS") && says(r.err, "/nowhere/issuers"), "%s", r.err);
}

Test(config_check, finds_a_key_file_that_can_not_be_read)
{
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE=/nowhere/master.keys");
	expect_exit(3, "config", "check");
	cr_expect(says(r.err, "/nowhere/master.keys") && says(r.err, "No such file"), "%s", r.err);
}

Test(config_check, finds_a_key_file_without_a_key)
{
	char path[TMP_PATH];
	tmp_path(path, "bad", ".keys");
	tmp_write(path, "k1: short\n");
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE=%s", path);
	expect_exit(3, "config", "check");
	cr_expect(says(r.err, "M2M_MASTER_KEYS_FILE: line 1") && !says(r.err, "short"), "%s", r.err);
}

Test(config_check, finds_that_there_are_no_master_keys)
{
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE");
	expect_fault(3, "master keys", "is not set");
}

Test(config_check, refuses_a_key_file_that_others_may_read)
{
	char path[TMP_PATH];
	char *keys = tmp_read(shared_master_keys(), NULL);
	tmp_path(path, "open", ".keys");
	tmp_write(path, keys);
	cr_assert_eq(chmod(path, 0644), 0);
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE=%s", path);
	expect_exit(3, "config", "check");
	cr_expect(says(r.err, path) && says(r.err, "others may read it; chmod 600 it"), "%s", r.err);
	free(keys);
}

Test(config_check, finds_each_fault_in_the_list_of_issuers)
{
	char path[TMP_PATH];
	tmp_path(path, "issuers", ".json");
	tmp_write(path, "[{\"issuer\":\"https://a.test\",\"audience\":\"x\",\"jwks_url\":\"http://a.test/"
			"k\",\"organization_claim\":\"o\",\"colour\":1}]");
	env_set(&w.ctl_env, "M2M_TRUSTED_ISSUERS_FILE=%s", path);
	expect_fault(3, "trusted issuers", "issuer 1: jwks_url: expected an https:// URL");
	cr_expect(found("trusted issuers", "FAULT", "colour: there is no such member"), "%s", r.out);
}

Test(config_check, finds_certificates_that_can_not_be_read)
{
	env_set(&w.ctl_env, "M2M_TLS_CERT=none");
	env_set(&w.ctl_env, "M2M_TLS_KEY=none");
	expect_fault(3, "TLS", "M2M_TLS_CERT");
	env_set(&w.ctl_env, "M2M_TLS_CERT");
	env_set(&w.ctl_env, "M2M_TLS_KEY");
	env_set(&w.ctl_env, "M2M_TLS_CLIENT_CA=none");
	expect_exit(3, "config", "check");
	cr_expect(found("client CAs", "FAULT", "M2M_TLS_CLIENT_CA") || says(r.err, "M2M_TLS_CLIENT_CA"), "%s%s", r.out, r.err);
}

Test(config_check, finds_a_logo_that_would_stop_the_gateway)
{
	char path[TMP_PATH];
	tmp_path(path, "logo", ".svg");
	env_set(&w.ctl_env, "M2M_PAGES_LOGO=%s", path);
	expect_fault(3, "logo", "No such file");
	tmp_write(path, "<p>none</p>");
	expect_fault(3, "logo", "neither PNG nor SVG");
	tmp_write(path, "<svg xmlns='http://www.w3.org/2000/svg'/>");
	expect_finding(0, "logo", "OK", "understood");
}

Test(config_check, finds_a_database_that_is_not_there)
{
	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=postgresql://m2m_owner@127.0.0.1:%u/m2m", free_port());
	expect_fault(5, "database", "check host and port in M2M_ADMIN_DATABASE_URL");
}

Test(config_check, finds_a_login_that_does_not_exist)
{
	take_admin_login("nobody", w.database);
	expect_fault(3, "database", "role \"nobody\" does not exist; check user, password and database in M2M_ADMIN_DATABASE_URL");
	expect_exit(3, "org", "list");
}

Test(config_check, finds_a_database_name_that_does_not_exist)
{
	take_admin_login("m2m_owner", "nowhere");
	expect_fault(3, "database", "\"nowhere\" does not exist");
}

Test(config_check, finds_a_login_without_the_owner_s_rights)
{
	take_admin_login("m2m_gateway", w.database);
	expect_fault(3, "owner's rights", "may not act as m2m_owner");
}

Test(config_check, finds_a_schema_that_is_missing)
{
	char name[80];
	snprintf(name, sizeof name, "%s_empty", w.database);
	sql_exec(world_db(&w), "create database %s owner m2m_owner", name);
	take_admin_login("m2m_owner", name);
	expect_fault(6, "schema", "run `m2mctl migrate up`");
}

Test(config_check, finds_a_schema_that_is_older)
{
	expect_exit(0, "migrate", "down", "--yes");
	expect_fault(6, "schema", "lacks migration 27");
}

Test(config_check, finds_a_schema_that_is_newer)
{
	sql_exec(world_db(&w), "insert into m2m.schema_migration (version, name, checksum) values (999, 'from_the_future', sha256('f'))");
	expect_fault(6, "schema", "use a newer m2mctl");
}

Test(config_check, finds_a_schema_that_was_changed)
{
	sql_exec(world_db(&w), "update m2m.schema_migration set checksum = sha256('x') where version = 2");
	expect_fault(6, "schema", "SHA-256 differs");
}

Test(config_check, finds_another_master_key_under_the_same_name)
{
	sql_exec(world_db(&w), "update m2m.key_check set check_value = sha256('x')");
	expect_fault(6, "master keys", "is not the one that this database knows");
}

Test(config_check, finds_a_master_key_that_live_secrets_need)
{
	sql_exec(world_db(&w), "set session_replication_role = replica"); /* a trigger forbids it */
	sql_exec(world_db(&w), "update m2m.client_secret set key_id = 'k7'");
	sql_exec(world_db(&w), "reset session_replication_role");
	expect_fault(6, "master keys", "derived from k7");
	sql_exec(world_db(&w), "update m2m.client_secret set ended_at = now(), expires_at = '-infinity'");
	expect_exit(0, "config", "check");
}

Test(config_check, finds_that_no_key_signs)
{
	sql_exec(world_db(&w), "update m2m.signing_key set state = 'revoked', revoked_at = now()");
	expect_fault(1, "signing key", "`m2mctl migrate up` makes one");
}

Test(config_check, finds_a_signing_key_that_is_sealed_with_a_key_that_is_not_on_the_ring)
{
	sql_exec(world_db(&w), "update m2m.signing_key set seal_key_id = 'k7'");
	expect_fault(6, "signing key", "sealed with the master key \"k7\"");
}

Test(config_check, finds_a_signing_key_that_does_not_open)
{
	sql_exec(world_db(&w), "update m2m.signing_key set sealed = sealed || '\\x00'");
	expect_fault(6, "signing key", "can't be opened");
}

Test(config_check, warns_when_the_default_partition_is_in_use)
{
	sql_exec(world_db(&w),
		 "insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, scope, audience)"
		 " values ('2001-01-01', '2001-01-02', gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a')");
	expect_finding(0, "audit partitions", "WARNING", "the default partition holds rows");
}

Test(config_check, warns_when_the_partitions_end_soon)
{
	sql_exec(world_db(&w), "do $$ declare p regclass; begin"
			       " for p in select inhrelid from pg_inherits where inhparent = 'm2m.token_audit'::regclass"
			       "   and inhrelid <> 'm2m.token_audit_default'::regclass loop execute 'drop table ' || p; end loop; end $$");
	expect_finding(0, "audit partitions", "WARNING", "end within a week");
	expect_exit(0, "audit", "partitions", "--ahead", "28");
	expect_exit(0, "config", "check");
	cr_expect_not(says(r.out, "audit partitions"), "%s", r.out);
	cr_expect_eq(acts("make_partitions"), 1);
}

Test(config_check, finds_two_urls_that_lead_to_two_databases)
{
	take_gateway_login("m2m_gateway", "postgres");
	expect_fault(3, "gateway's database", "lead to different databases");
}

Test(config_check, finds_a_gateway_s_login_without_its_rights)
{
	char login[96];
	make_login(login, "stranger", "");
	take_gateway_login(login, w.database);
	expect_fault(3, "gateway's database", "lacks the rights of m2m_gateway");
}

Test(config_check, finds_a_gateway_s_login_that_could_change_the_audit)
{
	char login[96];
	take_gateway_login("m2m_owner", w.database);
	expect_fault(3, "gateway's database", "could change the audit");
	make_login(login, "super", "superuser");
	take_gateway_login(login, w.database);
	expect_fault(3, "gateway's database", "could change the audit");
}

Test(config_check, finds_a_gateway_s_login_that_is_not_let_in)
{
	take_gateway_login("nobody", w.database);
	expect_fault(3, "gateway's database", "check user, password and database in M2M_DATABASE_URL");
}

Test(config_check, warns_of_commits_that_do_not_wait_for_the_disk)
{
	char login[96];
	make_login(login, "hasty", "in role m2m_gateway");
	sql_exec(world_db(&w), "alter role %s set synchronous_commit = off", login);
	take_gateway_login(login, w.database);
	expect_finding(0, "gateway's database", "WARNING", "synchronous_commit is off");
}

Test(config_check, has_an_exit_code_of_the_first_fault_and_a_json_form)
{
	take_gateway_login("nobody", w.database);
	sql_exec(world_db(&w), "update m2m.signing_key set state = 'revoked', revoked_at = now()");
	expect_exit(1, "config", "check", "--output", "json");
	cr_expect(says(r.out, "{\"check\":\"signing key\",\"result\":\"FAULT\","), "%s", r.out);
}

/* ---- the audit ---- */

/* As a gateway would, with acme's first secret. `jti` is SQL. */
static void record_token(const char *jti)
{
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience)"
		" select now(), now() + interval '1 hour', %s, c.organization_id, gen_random_uuid(), gen_random_uuid(), 1, 'r',"
		" c.client_id, k.kid, c.client_id, 'api', 'a' from m2m.client c, m2m.signing_key_current k where c.client_id = '%s'",
		jti, acme.client_id);
}

Test(audit, tokens_are_listed_youngest_first_and_by_whose_they_are)
{
	struct org other;
	org_create(&w, "other", &other);
	expect_exit(0, "token", "mint", "--org", "other", "--subject", "bob");
	record_token("gen_random_uuid()");
	expect_exit(0, "audit", "tokens", "--output", "json");
	cr_expect(says(r.out, acme.client_id) && says(r.out, "\"caller\":\"bob\"") && says(r.out, "\"transport\":\"m2mctl\""), "%s", r.out);
	expect_exit(0, "audit", "tokens", "--org", "acme");
	cr_expect(says(r.out, acme.client_id) && !says(r.out, "bob"), "%s", r.out);
	expect_exit(0, "audit", "tokens", "--org", other.id, "--limit", "1");
	cr_expect(says(r.out, "bob") && says(r.err, "--limit"), "%s%s", r.out, r.err);
	expect_exit(0, "audit", "tokens", "--client", "m2m_0000000000000000000000");
	cr_expect_str_eq(r.out, "");
	expect_exit(4, "audit", "tokens", "--org", "nobody");
	expect_exit(0, "org", "delete", "acme", "--yes");
	expect_exit(0, "audit", "tokens", "--org", acme.id);
	cr_expect(says(r.out, acme.client_id), "what was deleted stays on record: %s", r.out);
}

/* A row of that time and address; further columns as they are for all. */
static void record_at(const char *time, const char *jti, const char *address, int version)
{
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, remote_addr, user_agent)"
		" select %s, %s + interval '1 hour', '%s', c.organization_id, gen_random_uuid(), gen_random_uuid(), %d, 'r', c.client_id,"
		" 'kid-of-' || %d, c.client_id, 'api', 'a', '%s', '=cmd|1' from m2m.client c where c.client_id = '%s'",
		time, time, jti, version, version, address, acme.client_id);
}

#define JTI_A "00000000-0000-4000-8000-00000000000a"
#define JTI_B "00000000-0000-4000-8000-00000000000b"
#define JTI_C "00000000-0000-4000-8000-00000000000c"

static void expect_tokens(const char *want, const char *const *options)
{
	const char *args[16] = {"audit", "tokens", "--output", "json"};
	char got[8] = "";
	for (unsigned i = 0; options[i] != NULL; i++)
		args[4 + i] = options[i];
	cr_assert_eq(ctl_run(&w.ctl_env, &r, args), 0, "%s", r.err);
	for (const char *at = r.out; (at = strstr(at, "\"jti\":\"00000000")) != NULL; at += 8)
		strncat(got, at + 7 + 35, 1);
	cr_expect_str_eq(got, want, "%s %s: %s", options[0] == NULL ? "" : options[0], options[0] == NULL ? "" : options[1], r.out);
}
#define tokens_are(want, ...) expect_tokens(want, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* The words that help and the option know are those of the database, and all of them. */
Test(audit, every_method_of_the_database_can_be_asked_for)
{
	static const char letters[] = "bpktswj";
	expect_exit(0, "audit", "tokens", "--help");
	struct ctl_result help = r;
	for (const char *letter = letters; *letter != '\0'; letter++) {
		char word[64];
		snprintf(word, sizeof word, "%s", sql_text(world_db(&w), "select m2m.auth_method_name('%c')", *letter));
		cr_expect_gt(strlen(word), 1, "%c: %s", *letter, word);
		cr_expect(says(help.out, word), "%s isn't in %s", word, help.out);
		expect_exit(0, "audit", "tokens", "--auth-method", word);
	}
	cr_expect_eq(
		sql_int(world_db(&w),
			"select count(*) from generate_series(33, 126) n where length(m2m.auth_method_name(chr(n::int)::\"char\")) > 1"),
		(int64_t)strlen(letters));
}

Test(audit, tokens_are_found_by_whatever_is_known_of_them)
{
	record_at("timestamptz '2026-01-05 10:00:00+00'", JTI_A, "192.0.2.1", 1);
	record_at("now() - interval '2 hours'", JTI_B, "192.0.2.9", 1);
	record_at("now()", JTI_C, "2001:db8::1", 2);
	tokens_are("cb");
	tokens_are("cba", "--since", "2026-01-05T10:00:00Z");
	tokens_are("cb", "--since", "2026-01-05T10:00:00.000001Z");
	tokens_are("a", "--since", "2026-01-01T00:00:00Z", "--until", "2026-01-06T00:00:00+01:00");
	tokens_are("", "--since", "2026-01-01T00:00:00Z", "--until", "2026-01-05T10:00:00Z");
	tokens_are("b", "--jti", JTI_B);
	tokens_are("c", "--kid", "kid-of-2");
	tokens_are("b", "--secret-version", "1");
	tokens_are("b", "--address", "192.0.2.0/24");
	tokens_are("c", "--address", "2001:db8::1");
	tokens_are("c", "--alive");
	tokens_are("c", "--limit", "1");
	sql_exec(world_db(&w),
		 "begin; set local role m2m_owner; update m2m.token_audit set auth_method = 'b' where jti = '" JTI_B "';"
		 " update m2m.token_audit set auth_method = 'k', credential = 'kid-1', bound_to = 'jkt:x' where jti = '" JTI_C "'; commit");
	tokens_are("b", "--auth-method", "client_secret_basic");
	tokens_are("c", "--auth-method", "private_key_jwt");
	cr_expect(says(r.out, "\"auth_method\":\"private_key_jwt\",\"credential\":\"kid-1\",\"bound_to\":\"jkt:x\""), "%s", r.out);
	tokens_are("", "--auth-method", "workload");
	tokens_are("c", "--credential", "kid-1");
	tokens_are("", "--credential", "kid-2");
	expect_exit(2, "audit", "tokens", "--auth-method", "secret");
	expect_exit(2, "audit", "tokens", "--since", "yesterday");
	expect_exit(2, "audit", "tokens", "--jti", "x");
	expect_exit(2, "audit", "tokens", "--address", "192.0.2");
	expect_exit(2, "audit", "tokens", "--days", "2", "--since", "2026-01-05T10:00:00Z");
}

/* A transaction that began before and commits later is not left out, and nothing comes twice. */
Test(audit, a_follower_gets_every_token_once_when_it_is_committed)
{
	struct ctl_job job;
	char url[PG_URL];
	record_at("now() - interval '1 minute'", JTI_A, "192.0.2.1", 1);
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *slow = sql_open(url);
	sql_exec(slow, "begin; insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, "
		       "scope, audience)"
		       " values (statement_timestamp(), now(), '" JTI_B "', gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a')");
	ctl_start(&w.ctl_env, &job, &r, (const char *const[]){"audit", "tokens", "--follow", "--output", "json", NULL});
	sleep_ms(1500);
	record_at("statement_timestamp()", JTI_C, "192.0.2.2", 1);
	sleep_ms(1200);
	sql_exec(slow, "commit");
	sleep_ms(1800);
	kill(job.pid, SIGTERM);
	ctl_finish(&job, &r);
	const char *a = strstr(r.out, JTI_A), *b = strstr(r.out, JTI_B), *c = strstr(r.out, JTI_C);
	cr_assert(a != NULL && b != NULL && c != NULL, "%s%s", r.out, r.err);
	cr_expect(a < c && c < b, "in the order of their commits: %s", r.out);
	cr_expect(strstr(a + 1, JTI_A) == NULL && strstr(b + 1, JTI_B) == NULL && strstr(c + 1, JTI_C) == NULL, "%s", r.out);
	PQfinish(slow);
}

Test(audit, reports_answer_and_a_cell_that_looks_like_a_formula_is_text)
{
	static const char *const reports[] = {
		"tokens_per_day",         "tokens_by_secret_version", "tokens_by_auth_method",     "tokens_by_signing_key",
		"secret_last_use",        "client_last_use",          "clients_never_used",        "secrets_used_after_rotation",
		"credential_last_use",    "secrets_read_or_rotated",  "failed_attempts_by_client", "failed_attempts_by_address",
		"attempts_from_elsewhere"};
	expect_exit(0, "client", "create", "--org", "acme", "--name", "=HYPERLINK(\"x\")");
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "60");
	record_at("statement_timestamp()", JTI_A, "192.0.2.1", 1);
	sql_exec(world_db(&w),
		 "insert into m2m.denied_audit values (now(), '%s', '192.0.2.7', 'invalid_client', 4, gen_random_uuid()),"
		 " (now(), '%s', '192.0.2.7', 'network_not_allowed', 1, gen_random_uuid())",
		 acme.client_id, acme.client_id);
	for (size_t i = 0; i < sizeof reports / sizeof reports[0]; i++) {
		expect_exit(0, "audit", "report", reports[i]);
		cr_expect(strstr(r.out, "\n") != NULL && !says(r.err, "no rows"), "%s: %s%s", reports[i], r.out, r.err);
		expect_exit(0, "audit", "report", reports[i], "--output", "json", "--limit", "1");
		cr_expect(r.out[0] == '[' && r.out[1] == '{', "%s: %s", reports[i], r.out);
	}
	expect_exit(0, "audit", "report", "clients_never_used", "--output", "csv");
	cr_expect(says(r.out, "client_id,organization,organization_id,name,created_at,disabled_at\r\n") &&
			  says(r.out, "\"'=HYPERLINK(\"\"x\"\")\""),
		  "%s", r.out);
	expect_exit(0, "audit", "report", "tokens_per_day", "--org", "acme", "--output", "csv");
	cr_expect(says(r.out, "\"acme\"") && says(r.out, ",1\r\n"), "%s", r.out);
	expect_exit(0, "audit", "report", "tokens_per_day", "--org", "nobody");
	cr_expect(says(r.err, "no rows"), "%s", r.err);
	expect_exit(2, "audit", "report", "everything");
	expect_exit(2, "audit", "report");
	expect_exit(2, "audit", "report", "tokens_per_day", "--client", acme.client_id);
	expect_exit(0, "audit", "story", JTI_A);
	cr_expect(says(r.out, "token issued") && says(r.out, "secret replaced"), "%s", r.out);
	expect_exit(4, "audit", "story", JTI_B);
	expect_exit(2, "audit", "story", "x");
}

/* The Monday before a time, as the number of weeks since some Monday. */
static int64_t week_number(const char *time)
{
	return sql_int(world_db(&w), "select (date_trunc('week', (%s) at time zone 'UTC')::date - '2000-01-03') / 7", time);
}

Test(audit, partitions_are_listed_and_made)
{
	int64_t before = sql_int(world_db(&w), "select count(*) from pg_inherits where inhparent = 'm2m.token_audit'::regclass");
	int64_t migrated = week_number("(select min(applied_at) from m2m.schema_migration)");
	expect_exit(0, "audit", "partitions", "--ahead", "70", "--output", "json");
	cr_expect(says(r.out, "token_audit_default") && says(r.out, "\"from\":null"), "%s", r.out);
	int64_t after = sql_int(world_db(&w), "select count(*) from pg_inherits where inhparent = 'm2m.token_audit'::regclass");
	cr_expect_geq(after - before, 6, "70 days are 6 weeks more than 28");
	cr_expect_leq(after - before, 6 + week_number("now()") - migrated, "a week that began meanwhile is one more");
	expect_exit(2, "audit", "partitions", "--ahead", "401");
}

/* A week as gateways made it that long ago, with one row. */
static void make_old_week(int weeks_ago, char name[64])
{
	snprintf(
		name, 64, "%s",
		sql_text(
			world_db(&w),
			"select 'token_audit_p' || to_char(date_trunc('week', now() at time zone 'UTC') - interval '%d weeks', 'YYYYMMDD')",
			weeks_ago));
	sql_exec(world_db(&w),
		 "set timezone = 'UTC'; set role m2m_owner; create table m2m.%s (like m2m.token_audit including all);"
		 " do $$ declare monday timestamptz := date_trunc('week', now()) - interval '%d weeks'; begin"
		 " execute format('alter table m2m.token_audit attach partition m2m.%s for values from (%%L) to (%%L)', monday,"
		 "  monday + interval '7 days');"
		 " insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, scope, audience)"
		 " values (monday, monday, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a'); end $$; reset "
		 "role",
		 name, weeks_ago, name);
}

static bool is_there(const char *partition)
{
	return sql_int(world_db(&w), "select count(*) from pg_class where relname = '%s'", partition) == 1;
}

static int64_t old_rows(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit where issued_at < now() - interval '28 days'");
}

Test(audit, weeks_that_are_older_than_what_is_kept_leave_and_no_others)
{
	char oldest[64], older[64], kept[64], young[64];
	make_old_week(80, oldest);
	make_old_week(60, older);
	/* 13 months are 395 days at least, 56 weeks and a day at most 393 */
	make_old_week(56, kept);
	make_old_week(5, young);
	expect_exit(0, "audit", "partitions", "--keep", "13months", "--dry-run");
	cr_expect(says(r.err, oldest) && says(r.err, older) && says(r.err, "would drop") && !says(r.err, kept), "%s", r.err);
	cr_expect_eq(old_rows(), 4);

	expect_exit(0, "audit", "partitions", "--keep", "13months");
	cr_expect(says(r.err, "dropped 2 weeks"), "%s", r.err);
	cr_expect(!says(r.out, oldest) && !says(r.out, older) && says(r.out, kept) && says(r.out, "token_audit_default"), "%s", r.out);
	cr_expect(!is_there(oldest) && !is_there(older) && is_there(kept));
	cr_expect_eq(old_rows(), 2);
	cr_expect_eq(acts("drop_partition"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where detail->>'partition' = '%s'", oldest), 1);

	expect_exit(0, "audit", "partitions", "--keep", "31days", "--ahead", "0");
	cr_expect(!is_there(kept) && is_there(young) == (sql_int(world_db(&w),
								 "select (extract(isodow from now() at time zone 'UTC') < 4)::int") == 1),
		  "35 days and the part of a week ago it began, 28 and that ago it ended: %s", r.out);
	int64_t weeks = sql_int(world_db(&w), "select count(*) from pg_inherits where inhparent = 'm2m.token_audit'::regclass");
	cr_expect_geq(weeks, 6, "this week, those to come and the default partition");
}

static void expect_contradiction(const char *what)
{
	expect_exit(6, "audit", "verify", "--only", "contradictions");
	cr_expect(found(what, "FAULT", ""), "%s: %s", what, r.out);
	unsigned faults = 0;
	for (const char *at = r.out; (at = strstr(at, "FAULT")) != NULL; at++)
		faults++;
	cr_expect_eq(faults, 1, "%s", r.out);
}

static int64_t counted(void)
{
	return sql_int(world_db(&w), "select coalesce(sum(tokens), 0) from m2m.token_usage");
}

Test(audit, days_are_counted_before_their_weeks_leave_and_their_counts_stay)
{
	char old[64];
	make_old_week(80, old);
	sql_exec(world_db(&w), "update m2m.token_usage_until set until = '%.4s-%.2s-%.2s 00:00+00'", old + 13, old + 17, old + 19);
	expect_finding(0, "audit counts", "WARNING", "aren't counted");
	expect_exit(0, "audit", "partitions", "--keep", "13months", "--dry-run");
	cr_expect(says(r.err, old) && counted() == 0, "%s", r.err);
	expect_exit(0, "audit", "partitions", "--keep", "13months");
	cr_expect(says(r.err, "dropped 1 week") && !says(r.err, "counted 0"), "%s", r.err);
	cr_expect_not(is_there(old));
	cr_expect_eq(counted(), 1);
	cr_expect_eq(sql_int(world_db(&w), "select sum(tokens) from m2m.tokens_per_day where day < now() - interval '1 year'"), 1);
	expect_exit(0, "audit", "count", "--output", "json");
	cr_expect(says(r.out, "\"days\":0"), "%s", r.out);
	expect_exit(0, "config", "check");
	cr_expect_not(says(r.out, "counted"), "%s", r.out);
	for (int later = 27; later > 4; later--) /* they ask nothing of the counts */
		expect_exit(0, "migrate", "down", "--yes");
	expect_exit(1, "migrate", "down", "--yes");
	cr_expect(says(r.err, "counts tokens whose rows were dropped"), "%s", r.err);
}

Test(audit, counts_that_outlive_a_week_that_was_dropped_are_no_contradiction)
{
	char old[64];
	make_old_week(56, old);
	sql_exec(world_db(&w), "update m2m.token_usage_until set until = '%.4s-%.2s-%.2s 00:00+00'", old + 13, old + 17, old + 19);
	expect_exit(0, "audit", "count");
	cr_expect_eq(counted(), 1);
	expect_exit(0, "audit", "partitions", "--keep", "1year");
	cr_expect_not(is_there(old));
	expect_exit(0, "audit", "verify", "--only", "contradictions", "--days", "400");
	/* a week that nobody dropped, as the audit tells it */
	sql_exec(world_db(&w), "update m2m.token_usage set day = day + 7");
	expect_exit(6, "audit", "verify", "--only", "contradictions", "--days", "400");
	cr_expect(found("days whose count differs from their tokens", "FAULT", ""), "%s", r.out);
}

Test(audit, a_day_waits_for_what_may_still_belong_to_it)
{
	char url[PG_URL];
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *writer = sql_open(url);
	sql_exec(world_db(&w), "update m2m.token_usage_until set until = date_trunc('day', now(), 'UTC') - interval '3 days'");
	/* As a commit that waits for a standby would: the row is there, and nobody sees it yet. */
	sql_exec(writer, "begin; insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, "
			 "scope, audience)"
			 " values (now() - interval '2 days', now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', "
			 "'c', '', 'a')");
	expect_exit(1, "audit", "count", "--wait", "0");
	cr_expect(says(r.err, "stay uncounted"), "%s", r.err);
	expect_exit(1, "audit", "count", "--wait", "1");
	cr_expect(says(r.err, "waiting for transactions"), "%s", r.err);
	cr_expect_eq(counted(), 0);
	sql_exec(writer, "commit");
	PQfinish(writer);
	expect_exit(0, "audit", "count");
	cr_expect_eq(counted(), 1);
	cr_expect_not(says(r.out, "days  0"), "%s", r.out);
}

Test(audit, a_count_that_was_changed_is_found)
{
	sql_exec(world_db(&w), "update m2m.token_usage_until set until = date_trunc('day', now(), 'UTC') - interval '3 days'");
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience)"
		" select now() - interval '2 days', now(), gen_random_uuid(), c.organization_id, gen_random_uuid(), gen_random_uuid(), 1, "
		"'r',"
		" c.client_id, k.kid, c.client_id, 'api', 'a' from m2m.client c, m2m.signing_key_current k");
	expect_exit(0, "audit", "count");
	expect_exit(0, "audit", "verify", "--only", "contradictions");
	sql_exec(world_db(&w), "update m2m.token_usage set tokens = tokens + 1");
	expect_contradiction("days whose count differs from their tokens");
}

Test(audit, an_age_that_is_too_short_or_none_is_refused)
{
	static const char *const ages[] = {"30days", "4weeks", "0months", "13", "months", "13fortnights", "-1year", "4001years", ""};
	char old[64];
	make_old_week(80, old);
	for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
		expect_exit(2, "audit", "partitions", "--keep", ages[i]);
		cr_expect(says(r.err, "--keep"), "%s: %s", ages[i], r.err);
	}
	expect_exit(2, "audit", "partitions", "--dry-run");
	cr_expect(is_there(old));
}

Test(audit, a_reader_delays_a_drop_and_no_token)
{
	char old[64], url[PG_URL];
	struct ctl_job job;
	make_old_week(80, old);
	pg_url(&w.pg, "m2m_owner", w.database, url);
	PGconn *reader = sql_open(url);
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *writer = sql_open(url);
	sql_exec(reader, "begin; select count(*) from m2m.token_audit");
	expect_exit(1, "audit", "partitions", "--keep", "1year", "--wait", "0");
	cr_expect(says(r.err, old) && says(r.err, "try again later"), "%s", r.err);
	cr_expect(is_there(old));
	cr_expect_eq(acts("drop_partition"), 0);

	ctl_start(&w.ctl_env, &job, &r, (const char *const[]){"audit", "partitions", "--keep", "1year", "--wait", "60", NULL});
	/* What had to queue behind a drop that waits as long as the reader does would fail. */
	sql_exec(writer, "set lock_timeout = '2s'");
	for (int i = 0; i < 40; i++) {
		sql_exec(writer, "insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, "
				 "scope, audience)"
				 " values (now(), now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a')");
		sleep_ms(25);
	}
	cr_expect(is_there(old), "the reader still holds it");
	sql_exec(reader, "commit");
	cr_expect_eq(ctl_finish(&job, &r), 0, "%s", r.err);
	cr_expect(says(r.err, "waiting for others") && says(r.err, "dropped 1 week"), "%s", r.err);
	cr_expect_not(is_there(old));
	PQfinish(reader);
	PQfinish(writer);
}

Test(audit, a_sound_record_is_verified)
{
	record_token("gen_random_uuid()");
	expect_exit(0, "token", "mint", "--org", "acme");
	expect_exit(0, "token", "mint", "--platform");
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "60");
	record_token("gen_random_uuid()");
	expect_exit(0, "client", "rotate", "--org", "acme");
	expect_exit(0, "audit", "verify", "--only", "contradictions");
	cr_expect_not(says(r.out, "FAULT"), "%s", r.out);
}

Test(audit, a_token_that_stands_there_twice_is_found)
{
	for (int i = 0; i < 2; i++)
		record_token("uuid '00000000-0000-7000-8000-000000000000'");
	expect_contradiction("tokens recorded twice");
}

/* Whoever has the owner's rights can. */
static void tamper(const char *statement)
{
	sql_exec(world_db(&w), "set role m2m_owner; %s; reset role", statement);
}

Test(audit, a_token_of_a_secret_that_had_ended_is_found)
{
	expect_exit(0, "client", "rotate", "--org", "acme");
	tamper("update m2m.admin_audit set at = at - interval '1 hour' where action = 'rotate_secret'");
	record_token("gen_random_uuid()");
	expect_contradiction("secrets that gave a token after their end");
}

/* The ninth rotation left it no grace any more. */
Test(audit, so_is_one_of_a_secret_that_a_rotation_had_ended_with_a_grace)
{
	for (int i = 0; i < 9; i++)
		expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "3600");
	record_token("gen_random_uuid()");
	expect_exit(0, "audit", "verify", "--only", "contradictions");
	cr_expect_not(says(r.out, "FAULT"), "%s", r.out);
	tamper("update m2m.admin_audit set at = at - interval '1 hour' where action = 'rotate_secret' and secret_version = 10");
	expect_contradiction("secrets that gave a token after their end");
}

Test(audit, a_secret_that_nobody_made_is_found)
{
	tamper("delete from m2m.admin_audit where action = 'create_client'");
	expect_contradiction("secrets without the act that made them");
}

Test(audit, a_token_of_a_revoked_key_is_found)
{
	record_token("gen_random_uuid()");
	sql_exec(world_db(&w), "update m2m.signing_key set state = 'revoked', revoked_at = now() - interval '1 hour'");
	expect_contradiction("tokens signed with a key after its revocation");
}

Test(audit, an_operator_s_token_that_nobody_minted_is_found)
{
	expect_exit(0, "token", "mint", "--org", "acme");
	tamper("delete from m2m.admin_audit where action = 'mint_token'");
	expect_contradiction("operators' tokens without the act that made them");
}

/* ---- what is printed ---- */

Test(ctl, a_kubernetes_secret_holds_the_credentials)
{
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "k8s-secret", "--secret-name", "acme.m2m", "--namespace", "shop");
	char id[64], secret[128];
	snprintf(id, sizeof id, "M2M_CLIENT_ID: \"%s\"", acme.client_id);
	snprintf(secret, sizeof secret, "M2M_CLIENT_SECRET: \"%s\"", acme.secret);
	cr_expect(says(r.out, "apiVersion: v1\nkind: Secret\n") && says(r.out, "name: \"acme.m2m\"") &&
			  says(r.out, "namespace: \"shop\"") && says(r.out, id) && says(r.out, secret),
		  "%s", r.out);
	expect_exit(2, "client", "secret", "--org", "acme", "--output", "k8s-secret", "--secret-name", "Acme");
	expect_exit(2, "client", "secret", "--org", "acme", "--output", "k8s-secret", "--namespace", "a.b");
	expect_exit(2, "client", "show", "--org", "acme", "--output", "k8s-secret");
}

/* What bash offers after these words, as its own completion asks for it. */
static void complete(const char *words, unsigned at, char out[4096])
{
	static struct ctl_result script;
	char path[TMP_PATH], answer[TMP_PATH], text[512];
	cr_assert_eq(ctl(&w.ctl_env, &script, "completion", "bash"), 0);
	tmp_path(path, "completion", ".bash");
	tmp_path(answer, "answer", "");
	tmp_write(path, script.out);
	snprintf(
		text, sizeof text,
		". '%s'; COMP_WORDS=(%s); COMP_CWORD=%u; $(complete -p m2mctl | sed 's/.*-F //; s/ .*//'); echo \"${COMPREPLY[*]}\" > '%s'",
		path, words, at, answer);
	proc_run((const char *const[]){"bash", "-c", text, NULL});
	char *got = tmp_read(answer, NULL);
	snprintf(out, 4096, " %s", got);
	free(got);
}

Test(ctl, bash_completes_groups_commands_options_and_values)
{
	char got[4096];
	complete("m2mctl ''", 1, got);
	cr_expect(says(got, " key") && says(got, " org") && says(got, " config"), "%s", got);
	complete("m2mctl key re", 2, got);
	cr_expect(says(got, " retire") && says(got, " revoke") && says(got, " reseal") && !says(got, " rotate"), "%s", got);
	complete("m2mctl key rotate --", 3, got);
	cr_expect(says(got, "--alg") && says(got, "--standby") && says(got, "--output"), "%s", got);
	complete("m2mctl key rotate --alg E", 4, got);
	cr_expect(says(got, " ES256") && says(got, " EdDSA") && !says(got, "RS256"), "%s", got);
	complete("m2mctl --output = ''", 3, got);
	cr_expect(says(got, " json") && says(got, " k8s-secret"), "%s", got);
	complete("m2mctl --output json audit ''", 4, got);
	cr_expect(says(got, " tokens") && says(got, " verify"), "%s", got);
	complete("m2mctl client k", 2, got);
	cr_expect(says(got, " key") && !says(got, " remove"), "%s", got);
	complete("m2mctl client key ''", 3, got);
	cr_expect(says(got, " add") && says(got, " remove") && !says(got, "rotate"), "%s", got);
	complete("m2mctl --output json client key add --ex", 6, got);
	cr_expect(says(got, "--expires-in") && says(got, "--expires-at") && !says(got, "--org"), "%s", got);
	complete("m2mctl client set --auth-method ''", 4, got);
	cr_expect(says(got, " secret") && says(got, " key") && says(got, " certificate") && says(got, " workload"), "%s", got);
	complete("m2mctl org list --output k", 4, got);
	cr_expect_not(says(got, "k8s"), "a list is no credential: %s", got);
}

/* Runs a shell on a script, and answers what it printed; "" where there is no such shell. */
static void ask_shell(const char *shell, const char *script, char out[4096])
{
	char answer[TMP_PATH], text[1024];
	tmp_path(answer, "answer", "");
	tmp_write(answer, "");
	snprintf(text, sizeof text, "if command -v %s > /dev/null; then %s '%s' > '%s'; fi", shell, shell, script, answer);
	proc_run((const char *const[]){"sh", "-c", text, NULL});
	char *got = tmp_read(answer, NULL);
	snprintf(out, 4096, "%s", got);
	free(got);
}

Test(ctl, zsh_takes_its_completion)
{
	char script[TMP_PATH], got[4096];
	static char text[sizeof r.out + 256];
	expect_exit(0, "completion", "zsh");
	cr_expect_eq(strncmp(r.out, "#compdef m2mctl\n", 16), 0);
	tmp_path(script, "completion", ".zsh");
	snprintf(text, sizeof text, "autoload -Uz compinit; compinit -D\n%s\nprint -r -- $_comps[m2mctl]\n", r.out);
	tmp_write(script, text);
	ask_shell("zsh", script, got);
	if (got[0] == '\0')
		cr_skip_test("no zsh here");
	cr_expect_str_eq(got, "_m2mctl\n");
}

Test(ctl, fish_completes_commands_options_and_values)
{
	char script[TMP_PATH], got[4096];
	static char text[sizeof r.out + 256];
	expect_exit(0, "completion", "fish");
	tmp_path(script, "completion", ".fish");
	snprintf(text, sizeof text,
		 "%s\ncomplete -C 'm2mctl aud'\ncomplete -C 'm2mctl audit '\ncomplete -C 'm2mctl key rotate --'\n"
		 "complete -C 'm2mctl client key '\ncomplete -C 'm2mctl client key remove --cl'\n"
		 "complete -C 'm2mctl key rotate --alg E'\n",
		 r.out);
	tmp_write(script, text);
	ask_shell("fish", script, got);
	if (got[0] == '\0')
		cr_skip_test("no fish here");
	cr_expect(says(got, "audit") && says(got, "verify\tChecks") && says(got, "--standby") && says(got, "EdDSA"), "%s", got);
	cr_expect(says(got, "add\tRegisters") && says(got, "--client"), "%s", got);
}

/* The names of the commands as the overview lists them: " group name summary", or " group inner
 * name summary" of a group in a group. Leaves its help in `r`. Answers false behind the last
 * one. */
static bool next_command(const char **rest, char title[128])
{
	char group[32], name[32], third[32];
	while ((*rest = strchr(*rest, '\n')) != NULL) {
		(*rest)++;
		int n = strncmp(*rest, "  ", 2) == 0 ? sscanf(*rest + 2, "%31[a-z] %31[a-z-] %31[a-z-] ", group, name, third) : 0;
		if (n >= 2 && ctl(&w.ctl_env, &r, group, name, "--help") == 0) {
			bool is_group = strncmp(r.out, "usage: ", 7) != 0;
			snprintf(title, 128, "%s %s%s%s", group, name, is_group ? " " : "", is_group ? third : "");
			return !is_group || ctl(&w.ctl_env, &r, group, name, third, "--help") == 0;
		}
		if (strncmp(*rest, "\nA first start", 14) == 0)
			return false;
	}
	return false;
}

Test(ctl, the_manual_has_every_command_option_setting_and_exit_code)
{
	static char man[sizeof r.out], overview[sizeof r.out];
	char title[128], want[160];
	unsigned commands = 0, settings = 0;
	expect_exit(0, "man");
	cr_expect(says(r.out, ".TH M2MCTL 1"));
	snprintf(man, sizeof man, "%s", r.out);
	expect_exit(0, "--help");
	snprintf(overview, sizeof overview, "%s", r.out);

	for (const char *rest = overview; next_command(&rest, title); commands++) {
		size_t begun = (size_t)snprintf(want, sizeof want, ".SS \"");
		for (const char *c = title; *c != '\0' && begun < sizeof want - 3; c++)
			begun += (size_t)snprintf(want + begun, sizeof want - begun, *c == '-' ? "\\-" : "%c", *c);
		cr_expect(says(man, want), "%s", want);
		/* its options stand at the beginning of a help line each */
		for (const char *line = r.out; (line = strstr(line, "\n  --")) != NULL; line += 3) {
			size_t n = (size_t)snprintf(want, sizeof want, ".B \"");
			for (const char *c = line + 3; *c != ' ' && *c != '\0' && n < sizeof want - 3; c++)
				n += (size_t)snprintf(want + n, sizeof want - n, *c == '-' ? "\\-" : "%c", *c);
			cr_expect(says(man, want), "%s", want);
		}
	}
	cr_expect_geq(commands, 30);
	for (const char *line = overview; (line = strstr(line, "\n  M2M_")) != NULL; line += 3, settings++) {
		snprintf(want, sizeof want, ".TP\n.B \"%.*s\"", (int)strcspn(line + 3, " \n"), line + 3);
		cr_expect(says(man, want), "%s", want);
	}
	cr_expect_geq(settings, 20);
	for (int code = 0; code <= 6; code++) {
		snprintf(want, sizeof want, ".TP\n.B %d\n", code);
		cr_expect(says(man, want), "exit code %d", code);
	}
}

Test(ctl, the_manual_is_rendered_without_a_warning)
{
	char page[TMP_PATH], complaints[TMP_PATH], text[1024];
	expect_exit(0, "man");
	tmp_path(page, "m2mctl", ".1");
	tmp_path(complaints, "groff", ".log");
	tmp_write(page, r.out);
	snprintf(text, sizeof text,
		 "if command -v groff; then groff -man -Tutf8 -ww '%s' 2> '%s'; else echo 'no groff' > '%s'; fi > /dev/null", page,
		 complaints, complaints);
	proc_run((const char *const[]){"sh", "-c", text, NULL});
	char *said = tmp_read(complaints, NULL);
	bool there = strcmp(said, "no groff\n") != 0;
	if (there)
		cr_expect_str_eq(said, "");
	free(said);
	if (!there)
		cr_skip_test("no groff here");
}
