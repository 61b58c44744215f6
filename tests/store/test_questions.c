/* The questions that auditors, security responders and billing ask in psql, each on rows whose
 * answer is known, and the plans that answer them. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme, globex;
static char jti[40];

static void run(const char *statement)
{
	sql_exec(world_db(&w), "%s", statement);
}

/* acme got three tokens with its first secret two days ago, one more from elsewhere in the grace
 * after the rotation of yesterday, and two with its second secret today; globex got none. */
static void record_history(void)
{
	PGconn *db = world_db(&w);
	org_create(&w, "acme", &acme);
	org_create(&w, "globex", &globex);
	run("set timezone = 'UTC'");
	sql_exec(db,
		 "update m2m.client_secret set created_at = now() - interval '9 days', ended_at = now() - interval '25 hours',"
		 " expires_at = now() - interval '23 hours' where client_id = '%s'",
		 acme.client_id);
	sql_exec(db,
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at)"
		 " values ('%s', 2, 'k1', sha256('s'), sha256('v'), 'abcd', now() - interval '25 hours')",
		 acme.client_id);
	sql_exec(db, "update m2m.client set secret_version = 2 where client_id = '%s'", acme.client_id);
	sql_exec(
		db,
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, remote_addr, auth_method)"
		" select at, at + interval '26 hours', overlay(overlay(gen_random_uuid()::text placing"
		"   substr(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 1, 8) || '-' ||"
		"   substr(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0'), 9, 4) from 1 for 13) placing '7' from 15 for "
		"1)::uuid,"
		"  '%s', gen_random_uuid(), gen_random_uuid(), version, 'r', '%s', k.kid, '%s', 'api', 'a', addr::inet, method::\"char\""
		" from m2m.signing_key_current k, (values (now() - interval '49 hours', 1, '192.0.2.1', 'b'),"
		"  (now() - interval '49 hours', 1, '192.0.2.1', 'b'), (now() - interval '48 hours', 1, '192.0.2.1', 'p'),"
		"  (now() - interval '24 hours', 1, '192.0.2.2', 'k'), (now() - interval '1 second', 2, '192.0.2.1', null),"
		"  (now(), 2, '192.0.2.1', null)) v(at, version, addr, method)",
		acme.id, acme.client_id, acme.client_id);
	sql_exec(db,
		 "insert into m2m.denied_audit values (now(), '%s', '198.51.100.7', 'invalid_client', 4, gen_random_uuid()),"
		 " (now() - interval '1 hour', '%s', '198.51.100.8', 'invalid_client', 2, gen_random_uuid()),"
		 " (now(), null, '198.51.100.7', 'invalid_client', 9, gen_random_uuid())",
		 acme.client_id, acme.client_id);
	snprintf(jti, sizeof jti, "%s", sql_text(db, "select jti from m2m.token_audit where remote_addr = '192.0.2.2'"));
}

static void prepare(void)
{
	world_prepare(&w, false);
}

static void finish(void)
{
	world_close(&w);
}

TestSuite(questions, .init = prepare, .fini = finish, .timeout = 180);

#define expect_answer(want, ...)                                                                                                           \
	do {                                                                                                                               \
		const char *got_ = sql_text(world_db(&w), __VA_ARGS__);                                                                    \
		cr_expect_str_eq(got_, want, "%s: %s", #__VA_ARGS__, got_);                                                                \
	} while (0)

static void expect_answers_that_add_up(void)
{
	expect_answer("6", "select sum(tokens) from m2m.tokens_per_day where organization = 'acme'");
	expect_answer("0", "select count(*) from m2m.tokens_per_day d where tokens <> (select count(*) from m2m.token_audit t"
			   " where t.organization_id = d.organization_id and (t.issued_at at time zone 'UTC')::date = d.day)");
	expect_answer(
		"4 192.0.2.2",
		"select max(s.tokens) || ' ' || host((select remote_addr from m2m.token_audit t where t.issued_at = max(s.last_issued_at)))"
		" from m2m.tokens_by_secret_version s where client_id = '%s' and secret_version = 1",
		acme.client_id);
	expect_answer("1 of 4, 2 of 2",
		      "select string_agg(alive || ' of ' || tokens, ', ' order by secret_version) from m2m.tokens_by_secret_version");
	expect_answer("6", "select sum(tokens) from m2m.tokens_by_auth_method where client_id = '%s'", acme.client_id);
	expect_answer("client_secret_basic 2, client_secret_post 1, private_key_jwt 1, - 2",
		      "select string_agg(method || ' ' || tokens, ', ' order by method = '-', method) from"
		      " (select coalesce(auth_method, '-') as method, sum(tokens) as tokens from m2m.tokens_by_auth_method"
		      "  where organization = 'acme' group by 1) m");
	expect_answer("0", "select count(*) from m2m.tokens_by_auth_method m where tokens <> (select count(*) from m2m.tokens_issued t"
			   " where t.client_id = m.client_id and t.auth_method is not distinct from m.auth_method"
			   " and (t.issued_at at time zone 'UTC')::date = m.day)");
	expect_answer("6 1 1", "select tokens || ' ' || clients || ' ' || organizations from m2m.tokens_by_signing_key");
	expect_answer("t",
		      "select last_used_at = (select max(issued_at) from m2m.token_audit where secret_version = 1) and tokens = 4"
		      " from m2m.secret_last_use where client_id = '%s' and secret_version = 1",
		      acme.client_id);
	expect_answer("t", "select last_used_at is null and tokens = 0 from m2m.secret_last_use where client_id = '%s'", globex.client_id);
	expect_answer("t", "select last_used_at = (select max(issued_at) from m2m.token_audit)"
			   " and first_used_at = (select min(issued_at) from m2m.token_audit) and tokens = 6"
			   " from m2m.client_last_use where organization = 'acme'");
	expect_answer("globex", "select string_agg(organization, ' ') from m2m.clients_never_used");
	expect_answer("6", "select count(*) from m2m.tokens_signed_with((select kid from m2m.signing_key_current))");
}

Test(questions, answers_that_add_up_are_the_same_before_and_after_their_days_are_counted)
{
	struct ctl_result r;
	record_history();
	run("update m2m.token_usage_until set until = date_trunc('day', now()) - interval '5 days'");
	expect_answers_that_add_up();
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_usage"), 0);
	world_ctl(&w, &r, "audit", "count");
	cr_expect_geq(sql_int(world_db(&w), "select sum(tokens) from m2m.token_usage"), 3);
	cr_expect_gt(sql_int(world_db(&w), "select (until > now() - interval '26 hours')::int from m2m.token_usage_until"), 0);
	expect_answers_that_add_up();
}

Test(questions, a_client_s_tokens_between_two_instants_with_version_and_address)
{
	record_history();
	expect_answer("1/192.0.2.1 1/192.0.2.1 1/192.0.2.1 1/192.0.2.2",
		      "select string_agg(secret_version || '/' || host(remote_addr), ' ' order by issued_at) from m2m.tokens_issued"
		      " where client_id = '%s' and issued_at >= now() - interval '3 days' and issued_at < now() - interval '20 hours'",
		      acme.client_id);
	expect_answer("3", "select count(*) from m2m.tokens_alive_now where organization = 'acme'");
}

Test(questions, a_secret_that_was_used_after_its_rotation)
{
	record_history();
	expect_answer("1 1 {192.0.2.2}",
		      "select secret_version || ' ' || tokens || ' ' || addresses::text from m2m.secrets_used_after_rotation");
}

Test(questions, who_read_or_rotated_a_secret)
{
	struct ctl_result r;
	record_history();
	world_ctl(&w, &r, "client", "secret", "--org", "globex");
	world_ctl(&w, &r, "client", "rotate", "--org", "globex");
	expect_answer(
		"read_secret m2mctl globex, rotate_secret m2mctl globex",
		"select string_agg(action || ' ' || transport || ' ' || organization, ', ' order by at) from m2m.secrets_read_or_rotated"
		" where client_id = '%s' and actor like 'operator:%%'",
		globex.client_id);
}

Test(questions, failed_attempts_by_client_and_by_address)
{
	record_history();
	expect_answer("acme 6 2", "select organization || ' ' || attempts || ' ' || addresses from m2m.failed_attempts_by_client"
				  " where client_id is not null");
	expect_answer("9", "select attempts from m2m.failed_attempts_by_client where client_id is null");
	expect_answer("198.51.100.7 13 1, 198.51.100.8 2 1",
		      "select string_agg(host(remote_addr) || ' ' || attempts || ' ' || clients, ', ' order by remote_addr)"
		      " from m2m.failed_attempts_by_address");
}

Test(questions, a_jti_s_whole_story)
{
	struct ctl_result r;
	record_history();
	expect_answer("192.0.2.2", "select host(remote_addr) from m2m.token('%s')", jti);
	expect_answer("t", "select abs(extract(epoch from m2m.jti_time(jti) - issued_at)) < 0.01 from m2m.token('%s')", jti);
	expect_answer("secret made, secret replaced, token issued, end of the secret's grace, token expires",
		      "select string_agg(event, ', ' order by at) from m2m.token_story('%s')", jti);
	world_ctl(&w, &r, "client", "disable", "--org", "acme");
	world_ctl(&w, &r, "key", "revoke", sql_text(world_db(&w), "select kid from m2m.signing_key_current"), "--now");
	expect_answer("2", "select count(*) from m2m.token_story('%s') where event in ('client disabled', 'signing key revoked')", jti);
	expect_answer("0", "select count(*) from m2m.token_story('00000000-0000-7000-8000-000000000000')");
	expect_answer("", "select m2m.jti_time('00000000-0000-4000-8000-000000000000')");
}

/* ---- plans ---- */

static char week[64];

/* A week of eight weeks ago with 200 clients' tokens at even distances, counted, vacuumed and
 * analyzed: as an old week of a busy service looks. */
static void make_busy_week(void)
{
	struct ctl_result r;
	PGconn *db = world_db(&w);
	run("set timezone = 'UTC'");
	/* once for all: a week may end meanwhile */
	run("select set_config('test.monday', date_trunc('week', now())::text, false)");
	snprintf(
		week, sizeof week, "%s",
		sql_text(
			db,
			"select 'token_audit_p' || to_char(current_setting('test.monday')::timestamptz - interval '56 days', 'YYYYMMDD')"));
	sql_exec(db, "set role m2m_owner; create table m2m.%s (like m2m.token_audit including all)", week);
	sql_exec(db,
		 "do $$ declare monday timestamptz := current_setting('test.monday')::timestamptz - interval '56 days'; begin"
		 " execute format('alter table m2m.token_audit attach partition m2m.%s for values from (%%L) to (%%L)', monday, monday + "
		 "interval '7 days');"
		 " insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, "
		 "transport,"
		 "  client_id, kid, caller, scope, audience, remote_addr)"
		 "  select at, at + interval '1 hour', overlay(md5(i::text)::uuid::text placing substr(h, 1, 8) || '-' || substr(h, 9, 4) "
		 "|| '-7' from 1 for 15)::uuid,"
		 "   md5((i %% 200)::text)::uuid, md5(i::text)::uuid, md5(i::text)::uuid, 1, 'r', 'm2m_' || lpad((i %% 200)::text, 22, "
		 "'0'), 'busy', 'c', 'api', 'a',"
		 "   '192.0.2.1' from generate_series(1, 200000) i, lateral (select monday + i * interval '3 seconds' as at) a,"
		 "   lateral (select lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as h) x; end $$; reset role",
		 week);
	run("update m2m.token_usage_until set until = current_setting('test.monday')::timestamptz - interval '56 days'");
	world_ctl(&w, &r, "audit", "count");
	run("vacuum analyze m2m.token_audit");
	run("vacuum analyze m2m.token_usage");
}

static bool reads_the_whole_week(const char *question)
{
	char scan[96];
	bool found = false;
	PGresult *plan = PQexec(world_db(&w), question);
	cr_assert_eq(PQresultStatus(plan), PGRES_TUPLES_OK, "%s: %s", question, PQresultErrorMessage(plan));
	snprintf(scan, sizeof scan, "Seq Scan on %s", week);
	for (int i = 0; i < PQntuples(plan); i++)
		found = found || strstr(PQgetvalue(plan, i, 0), scan) != NULL;
	PQclear(plan);
	return found;
}

Test(questions, none_that_names_a_client_a_token_or_a_time_reads_a_whole_week)
{
	static const char *const questions[] = {
		"explain select * from m2m.tokens_issued where client_id = 'm2m_0000000000000000000007' and issued_at >= "
		"current_setting('test.monday')::timestamptz - interval '54 days'"
		" and issued_at < current_setting('test.monday')::timestamptz - interval '53 days'",
		"explain select secret_version, remote_addr, count(*) from m2m.tokens_issued where client_id = "
		"'m2m_0000000000000000000007' group by 1, 2",
		"explain select * from m2m.tokens_issued where issued_at >= current_setting('test.monday')::timestamptz - interval '54 "
		"days'"
		" and issued_at < current_setting('test.monday')::timestamptz - interval '54 days' + interval '1 hour'",
		"explain select * from m2m.token((select jti from m2m.token_audit where client_id = 'm2m_0000000000000000000007' limit 1))",
		"explain select * from m2m.tokens_by_secret_version where client_id = 'm2m_0000000000000000000007'",
		"explain select * from m2m.tokens_per_day where day >= now() - interval '60 days'",
		"explain select * from m2m.tokens_by_signing_key",
		"explain select client_id, secret_version, tokens from m2m.tokens_by_secret_version",
		"explain select * from m2m.secret_last_use",
		"explain select * from m2m.client_last_use",
		"explain select * from m2m.clients_never_used",
		"explain select * from m2m.secrets_used_after_rotation",
		"explain select * from m2m.tokens_alive_now",
	};
	make_busy_week();
	cr_expect_eq(sql_int(world_db(&w), "select sum(tokens) from m2m.tokens_per_day where day < now() - interval '40 days'"), 200000);
	for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++)
		cr_expect_not(reads_the_whole_week(questions[i]), "%s", questions[i]);
	cr_expect(reads_the_whole_week("explain select * from m2m.token_audit where user_agent = 'none'"), "this one must");
}
