/* When each credential of a client gave its last token: what the database answers, and how little
 * of the audit it reads for that. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;

#define KEY         "keykeykeykeykeykeykeykeykeykeykeykeykeykeyk"
#define CERTIFICATE "tls_client_auth_san_dns:host.example"

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_prepare_filled(&w, false);
	sql_exec(world_db(&w), "set timezone = 'UTC'");
	sql_exec(world_db(&w), "update m2m.token_usage_until set until = date_trunc('day', now()) - interval '15 days'");
	sql_exec(world_db(&w), "update m2m.client_secret set created_at = now() - interval '20 days', expires_at = now() + interval '1 "
			       "hour' where version = 1");
	sql_exec(world_db(&w),
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at)"
		 " values ('%s', 2, 'k1', sha256('s'), sha256('v'), 'abcd', now() - interval '20 days')",
		 acme.client_id);
	sql_exec(world_db(&w),
		 "insert into m2m.client_credential (client_id, credential_id, kind, public_jwk, created_at, issuer, subject, audience, "
		 "claims, may_replay)"
		 " values ('%s', '" KEY "', 'key', '{}', now() - interval '20 days', null, null, null, null, null),"
		 " ('%s', '" CERTIFICATE "', 'certificate', null, now() - interval '20 days', null, null, null, null, null),"
		 " ('%s', 'w1', 'workload', null, now() - interval '20 days', 'https://a', 'sub', 'x', '{}', false),"
		 " ('%s', 'w2', 'workload', null, now() - interval '20 days', 'https://b', null, 'x', '{\"r\":1}', false)",
		 acme.client_id, acme.client_id, acme.client_id, acme.client_id);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(last_use, .init = open_world, .fini = close_world, .timeout = 180);

/* `n` tokens, evenly over the hour that began so long ago; version or credential. */
static void used(int n, const char *ago, const char *credential, const char *address)
{
	bool secret = strlen(credential) == 1;
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, remote_addr, user_agent, auth_method, credential)"
		" select at, at + interval '1 hour', gen_random_uuid(), '%s', gen_random_uuid(), gen_random_uuid(), %s, 'r', '%s', 'k', "
		"'%s',"
		"  'api', 'a', '%s', 'agent of %s', 'b', %s%s%s"
		" from generate_series(1, %d) i cross join lateral (select now() - interval '%s' + i * interval '1 hour' / %d as at) t",
		acme.id, secret ? credential : "null", acme.client_id, acme.client_id, address, credential, secret ? "null" : "'",
		secret ? "" : credential, secret ? "" : "'", n, ago, n);
}

static const char *last_use_of(const char *credential_id, const char *what)
{
	return sql_text(world_db(&w), "select %s from m2m.credential_last_use where client_id = '%s' and credential_id = '%s'", what,
			acme.client_id, credential_id);
}

#define WHEN "(extract(epoch from now() - last_used_at) / 3600)::int || ' h, ' || coalesce(remote_addr || ', ' || user_agent, '-')"

#define expect_use(credential_id, want)                                                                                                    \
	do {                                                                                                                               \
		const char *got_ = last_use_of(credential_id, "coalesce(" WHEN ", 'never')");                                              \
		cr_expect_str_eq(got_, want, "%s: %s", credential_id, got_);                                                               \
		cr_expect_str_eq(last_use_of(credential_id, "unknown_until is null"), "t", "%s", credential_id);                           \
	} while (0)

Test(last_use, each_credential_has_its_own)
{
	used(2, "5 hours", "1", "192.0.2.1");
	used(3, "4 hours", "2", "192.0.2.2");
	used(3, "10 hours", KEY, "192.0.2.3");
	used(1, "3 hours", "https://a sub", "192.0.2.4");
	used(1, "7 hours", "https://b whoever", "192.0.2.5");
	used(1, "2 hours", "https://a other", "192.0.2.6");
	expect_use("1", "4 h, 192.0.2.1, agent of 1");
	expect_use("2", "3 h, 192.0.2.2, agent of 2");
	expect_use(KEY, "9 h, 192.0.2.3, agent of " KEY);
	expect_use(CERTIFICATE, "never");
	expect_use("w1", "2 h, 192.0.2.4, agent of https://a sub");
	expect_use("w2", "6 h, 192.0.2.5, agent of https://b whoever");
}

/* A use of a key that was removed since is not that of its successor. */
Test(last_use, a_key_that_came_back_begins_anew)
{
	used(1, "5 hours", KEY, "192.0.2.3");
	sql_exec(world_db(&w), "update m2m.client_credential set created_at = now() - interval '1 hour' where kind = 'key'");
	expect_use(KEY, "never");
}

static void count_days(void)
{
	for (int tries = 0; tries < 200; tries++) {
		const char *answer = sql_text(world_db(&w), "select coalesce(day::text, waiting::text) from m2m.audit_count_day()");
		if (strcmp(answer, "false") == 0)
			return;
	}
	cr_assert_fail("days are left");
}

Test(last_use, what_is_older_than_the_counted_days_is_found_by_the_counts)
{
	used(5, "300 hours", KEY, "192.0.2.3");
	used(5, "200 hours", "1", "192.0.2.1");
	used(5, "160 hours", "https://b x", "192.0.2.5");
	used(1, "1 hour", "2", "192.0.2.2");
	count_days();
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_usage where credential = '" KEY "' and tokens > 0"),
		     sql_int(world_db(&w), "select count(distinct issued_at::date) from m2m.token_audit where credential = '" KEY "'"));
	expect_use(KEY, "299 h, 192.0.2.3, agent of " KEY);
	expect_use("1", "199 h, 192.0.2.1, agent of 1");
	expect_use("w2", "159 h, 192.0.2.5, agent of https://b x");
	expect_use("2", "0 h, 192.0.2.2, agent of 2");
	/* their weeks may go: the day stays */
	sql_exec(world_db(&w), "drop table m2m.token_audit_default");
	expect_use(KEY, "299 h, -");
}

static int64_t rows_read(void)
{
	return sql_int(world_db(&w), "select coalesce(sum(idx_tup_fetch + seq_tup_read), 0) from pg_stat_xact_user_tables"
				     " where relname like 'token_audit%%'");
}

/* A client that gets many tokens, and a credential that wasn't used for long: the search ends by
 * itself, and says what it can't know. */
Test(last_use, a_busy_client_s_old_credential_costs_no_more)
{
	used(1, "30 hours", KEY, "192.0.2.3");
	used(50000, "2 hours", "2", "192.0.2.2");
	sql_exec(world_db(&w), "analyze m2m.token_audit");
	sql_exec(world_db(&w), "begin");
	int64_t before = rows_read();
	cr_expect_str_eq(last_use_of("2", WHEN), "1 h, 192.0.2.2, agent of 2");
	cr_expect_leq(rows_read() - before, 2100, "%ld rows", (long)(rows_read() - before));
	sql_exec(world_db(&w), "commit");
	cr_expect_str_eq(last_use_of("2", "unknown_until is null"), "t");
	cr_expect_str_eq(last_use_of(KEY, "last_used_at is null and unknown_until between now() - interval '2 hours' and now()"), "t");
	/* all are in use: a few rows tell */
	sql_exec(world_db(&w), "update m2m.client_credential set ended_at = now() where kind <> 'key'");
	used(1, "1 hour", KEY, "192.0.2.3");
	used(1, "1 hour", "1", "192.0.2.1");
	sql_exec(world_db(&w), "begin");
	before = rows_read();
	expect_use(KEY, "0 h, 192.0.2.3, agent of " KEY);
	cr_expect_leq(rows_read() - before, 300, "%ld rows", (long)(rows_read() - before));
	sql_exec(world_db(&w), "commit");
}

/* As `2 h` ago; '-': not known. */
static void expect_last(const char *client_id, const char *text)
{
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select coalesce(round(extract(epoch from now() - last_used_at) / 3600) || ' h', '-')"
				  " from m2m.clients_last_used(array['m2m_none', '%s', 'm2m_moved']) where client_id = '%s'",
				  acme.client_id, client_id),
			 text, "%s", client_id);
}

/* A page of a list asks for all of its clients at once. */
Test(last_use, of_many_clients_each_has_the_time_of_its_last_token)
{
	sql_exec(world_db(&w),
		 "insert into m2m.credential_use_before values ('m2m_moved', 'secret', '1', now() - interval '70 hours', null, null)");
	expect_last("m2m_none", "-");
	expect_last("m2m_moved", "70 h");
	expect_last(acme.client_id, "-");
	sql_exec(world_db(&w),
		 "insert into m2m.token_usage (day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, "
		 "last_issued_at)"
		 " select (now() - i * interval '20 days')::date, '%s', '%s', 1, 'k', 1, now() - i * interval '480 hours', now() - i * "
		 "interval '480 "
		 "hours' from generate_series(1, 3) i",
		 acme.id, acme.client_id);
	expect_last(acme.client_id, "480 h");
	used(1, "200 hours", KEY, "192.0.2.1");
	expect_last(acme.client_id, "199 h");
	used(1, "30 hours", "2", "192.0.2.1");
	expect_last(acme.client_id, "29 h");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.clients_last_used(array['a', 'b', '%s'])", acme.client_id), 3);
}

/* Each writer fills a page of its own: the youngest row isn't the last of the table. */
Test(last_use, of_rows_that_several_wrote_at_once_the_youngest_counts)
{
	used(1, "2 hours", "1", "192.0.2.1");
	used(60, "9 hours", "1", "192.0.2.1");
	expect_last(acme.client_id, "1 h");
}

/* The search is for the pages of a list: after 30 ms it says of the clients that are left that it
 * isn't known, not that they never were used. */
Test(last_use, a_search_that_takes_long_is_given_up)
{
	char url[PG_URL];
	static const char ask[] = "select last_used_at is null from m2m.clients_last_used(array['%s', 'm2m_none'])";
	char question[256];
	PGconn *db = world_db(&w); /* which looks at the connection each time */
	/* week after week, from this one on, as far as there are any */
	sql_exec(world_db(&w),
		 "create table m2m.token_audit_20200106 partition of m2m.token_audit for values from ('2020-01-06') to ('2020-01-13')");
	used(1, "200 hours", KEY, "192.0.2.1");
	expect_last(acme.client_id, "199 h");
	pg_url(&w.pg, "postgres", w.database, url);
	PGconn *other = sql_open(url);
	sql_exec(other, "begin; lock table m2m.token_audit in access exclusive mode");
	snprintf(question, sizeof question, ask, acme.client_id);
	cr_assert_eq(PQsendQuery(db, question), 1);
	usleep(300000);
	sql_exec(other, "commit");
	PGresult *r = PQgetResult(db);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQerrorMessage(db));
	cr_expect_eq(PQntuples(r), 2, "each client has its row");
	for (int i = 0; i < PQntuples(r); i++)
		cr_expect_str_eq(PQgetvalue(r, i, 0), "t");
	PQclear(r);
	cr_assert_null(PQgetResult(db));
	PQfinish(other);
	expect_last(acme.client_id, "199 h");
}

Test(last_use, of_many_busy_clients_few_rows_are_read)
{
	used(20000, "3 hours", "1", "192.0.2.1");
	sql_exec(world_db(&w), "analyze m2m.token_audit");
	sql_exec(world_db(&w), "begin");
	int64_t before = rows_read();
	expect_last(acme.client_id, "2 h");
	cr_expect_leq(rows_read() - before, 600, "%ld rows", (long)(rows_read() - before));
	sql_exec(world_db(&w), "commit");
}

/* The gateway may call the function, and reads nothing of the audit by itself. */
Test(last_use, it_is_told_to_the_gateway_and_to_auditors_of_all_organizations)
{
	static const char call[] = "select from m2m.credentials_last_used('m2m_x')";
	static const struct {
		const char *role, *state;
	} rows[] = {{"m2m_gateway", "00000"}, {"m2m_auditor", "00000"}, {"m2m_organization_auditor", "42501"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		sql_exec(world_db(&w), "set role %s", rows[i].role);
		cr_expect_str_eq(sql_state(world_db(&w), call), rows[i].state, "%s", rows[i].role);
		sql_exec(world_db(&w), "reset role");
	}
}
