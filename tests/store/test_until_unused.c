/* Whether a version of a secret is unused, as PostgreSQL decides it (m2m.end_unused_secrets): what
 * counts as a use, and what two connections do to each other. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static PGconn *decider, *issuer;

static PGconn *open_as_gateway(void)
{
	char url[PG_URL];
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	return sql_open(url);
}

/* Version 1 was replaced ten hours ago, ends once it is unused for two, and after thirty days. */
static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_prepare_filled(&w, false);
	PGconn *db = world_db(&w);
	sql_exec(db, "set timezone = 'UTC'");
	sql_exec(db, "update m2m.token_usage_until set until = date_trunc('day', now()) - interval '15 days'");
	sql_exec(db, "update m2m.client set secret_version = 2 where client_id = '%s'", acme.client_id);
	sql_exec(db,
		 "update m2m.client_secret set created_at = now() - interval '20 days', ended_at = now() - interval '10 hours',"
		 " expires_at = now() + interval '29 days', unused_for = 7200 where client_id = '%s'",
		 acme.client_id);
	sql_exec(db,
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at)"
		 " values ('%s', 2, 'k1', sha256('s'), sha256('v'), 'abcd', now() - interval '10 hours')",
		 acme.client_id);
	sql_exec(db, "insert into m2m.secret_unused_look values ('%s', 1, now() - interval '8 hours')", acme.client_id);
	decider = open_as_gateway();
	issuer = open_as_gateway();
}

static void close_world(void)
{
	PQfinish(decider);
	PQfinish(issuer);
	world_close(&w);
}

TestSuite(until_unused, .init = open_world, .fini = close_world, .timeout = 120);

#define TOKEN                                                                                                                              \
	"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"       \
	" client_id, kid, caller, scope, audience, remote_addr, user_agent, auth_method, credential)"                                      \
	" select now() - interval '%s', now(), gen_random_uuid(), '%s', gen_random_uuid(), gen_random_uuid(), %s, 'r', '%s', 'k', '%s',"   \
	" 'api', 'a', '192.0.2.1', 'agent', 'b', %s from generate_series(1, %d)"

static void used_by(PGconn *db, const char *ago, const char *version, const char *credential, int n)
{
	sql_exec(db, TOKEN, ago, acme.id, version, acme.client_id, acme.client_id, credential, n);
}

static void used(const char *ago)
{
	used_by(world_db(&w), ago, "1", "null", 1);
}

static int64_t decide_with(PGconn *db, int most)
{
	return sql_int(db, "select count(*) from m2m.end_unused_secrets(10, %d, 'test', '-', null)", most);
}

static int64_t decide(void)
{
	return decide_with(decider, 1000);
}

static const char *version_1(const char *what)
{
	return sql_text(world_db(&w), "select %s from m2m.client_secret where client_id = '%s' and version = 1", what, acme.client_id);
}

static const char *next_look(void)
{
	return sql_text(world_db(&w), "select to_char(extract(epoch from look_at - now()) / 3600, 'FM990.0') from m2m.secret_unused_look");
}

static bool has_ended(void)
{
	return strcmp(version_1("over and expires_at <= clock_timestamp()"), "t") == 0;
}

/* ---- what is a use ---- */

Test(until_unused, one_without_a_token_since_its_rotation_ends)
{
	used("11 hours");
	cr_expect_eq(decide(), 1);
	cr_expect(has_ended());
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select concat_ws(' ', outcome, actor, client_id = '%s', secret_version, detail) from m2m.admin_audit"
				  " where action = 'end_unused_secret'",
				  acme.client_id),
			 "granted test t 1 {\"unused_for\": 7200, \"last_used_at\": null}");
	cr_expect_eq(decide(), 0);
}

Test(until_unused, one_that_was_used_within_the_time_is_looked_at_again_when_that_is_over)
{
	used("5 hours");
	used("1 hour");
	cr_expect_eq(decide(), 0);
	cr_expect_not(has_ended());
	cr_expect_str_eq(next_look(), "1.0");
}

Test(until_unused, its_last_use_is_recorded_with_its_end)
{
	used("6 hours");
	used("3 hours");
	cr_expect_eq(decide(), 1);
	cr_expect_str_eq(
		sql_text(world_db(&w),
			 "select (a.detail->>'last_used_at')::timestamptz = max(t.issued_at) from m2m.admin_audit a, m2m.token_audit t"
			 " where a.action = 'end_unused_secret' group by a.detail"),
		"t");
}

Test(until_unused, tokens_of_other_versions_and_of_keys_are_no_use)
{
	used_by(world_db(&w), "1 hour", "2", "null", 5);
	used_by(world_db(&w), "1 hour", "null", "'keykeykeykeykeykeykeykeykeykeykeykeykeykeyk'", 5);
	cr_expect_eq(decide(), 1);
}

Test(until_unused, one_that_was_replaced_within_the_time_is_left_alone)
{
	sql_exec(world_db(&w), "update m2m.client_secret set ended_at = now() - interval '30 minutes' where version = 1");
	cr_expect_eq(decide(), 0);
	cr_expect_str_eq(next_look(), "1.5");
}

Test(until_unused, a_use_of_a_day_that_was_counted_counts)
{
	sql_exec(world_db(&w),
		 "update m2m.client_secret set ended_at = now() - interval '9 days', unused_for = 5 * 86400 where version = 1");
	sql_exec(world_db(&w), "update m2m.token_usage_until set until = date_trunc('day', now())");
	sql_exec(world_db(&w),
		 "insert into m2m.token_usage (day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, "
		 "last_issued_at)"
		 " values (current_date - 4, '%s', '%s', 1, 'k', 1, now() - interval '4 days', now() - interval '4 days')",
		 acme.id, acme.client_id);
	cr_expect_eq(decide(), 0);
	cr_expect_str_eq(next_look(), "24.0");
}

/* Nobody can say that it is unused without having looked at every row. */
Test(until_unused, one_of_a_client_with_too_many_tokens_is_put_off)
{
	used_by(world_db(&w), "1 minute", "2", "null", 101);
	cr_expect_eq(decide_with(decider, 100), 0);
	cr_expect_str_eq(next_look(), "1.0");
	sql_exec(world_db(&w), "update m2m.secret_unused_look set look_at = now()");
	cr_expect_eq(decide_with(decider, 101), 1);
}

Test(until_unused, one_that_has_ended_meanwhile_is_forgotten)
{
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = '-infinity' where version = 1");
	cr_expect_eq(decide(), 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.secret_unused_look"), 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'end_unused_secret'"), 0);
}

/* ---- two connections ---- */

#define USED "m2m.secret_is_used('%s', 1)"

/* The token's transaction is under way: its row isn't seen, its lock is. */
Test(until_unused, one_that_gives_a_token_at_this_moment_is_left_alone)
{
	sql_exec(issuer, "begin");
	cr_expect_str_eq(sql_text(issuer, "select " USED, acme.client_id), "t");
	used_by(issuer, "0 s", "1", "null", 1);
	cr_expect_eq(decide(), 0);
	cr_expect_not(has_ended());
	sql_exec(issuer, "commit");
	sql_exec(world_db(&w), "update m2m.secret_unused_look set look_at = now()");
	cr_expect_eq(decide(), 0, "the second look sees the token");
	cr_expect_str_eq(next_look(), "2.0");
}

/* Who asks while the decision is being committed waits for it, whatever its own snapshot had. */
Test(until_unused, one_that_was_decided_meanwhile_is_used_no_more)
{
	sql_exec(decider, "begin");
	cr_expect_eq(decide(), 1);
	cr_expect_str_eq(sql_text(issuer,
				  "select expires_at > clock_timestamp() from m2m.client_secret where client_id = '%s' and version = 1",
				  acme.client_id),
			 "t");
	cr_assert_eq(PQsendQuery(issuer, sql_text(world_db(&w), "select 'select ' || $$" USED "$$", acme.client_id)), 1);
	while (sql_int(world_db(&w), "select count(*) from pg_locks where not granted") == 0)
		;
	sql_exec(decider, "commit");
	PGresult *answer = PQgetResult(issuer);
	cr_expect_str_eq(PQgetvalue(answer, 0, 0), "f");
	PQclear(answer);
}

/* Whoever asks for a token with a version that is ending waits for that decision's commit, and must
 * not wait for others' looks. */
Test(until_unused, each_ends_in_a_transaction_of_its_own)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "update m2m.client set secret_version = 3 where client_id = '%s'", acme.client_id);
	sql_exec(db,
		 "update m2m.client_secret set ended_at = now() - interval '9 hours', expires_at = now() + interval '29 days',"
		 " unused_for = 7200 where client_id = '%s' and version = 2",
		 acme.client_id);
	sql_exec(db, "insert into m2m.secret_unused_look values ('%s', 2, now() - interval '7 hours')", acme.client_id);
	cr_expect_eq(decide(), 1);
	cr_expect_eq(decide(), 1);
	cr_expect_eq(decide(), 0);
}

Test(until_unused, two_that_decide_never_wait_for_each_other)
{
	sql_exec(decider, "begin");
	cr_expect_eq(decide(), 1);
	sql_exec(issuer, "set lock_timeout = '1ms'");
	cr_expect_eq(decide_with(issuer, 1000), 0);
	sql_exec(decider, "commit");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'end_unused_secret'"), 1);
}

/* In one snapshot the second look would see no more than the first. */
Test(until_unused, a_transaction_with_one_snapshot_may_not_decide)
{
	sql_exec(decider, "begin isolation level repeatable read");
	cr_expect_str_eq(sql_state(decider, "select from m2m.end_unused_secrets(10, 1000, 'test', '-', null)"), "25000");
	sql_exec(decider, "rollback");
	cr_expect_not(has_ended());
}

/* ---- at any size ---- */

Test(until_unused, a_decision_costs_no_more_with_many_secrets_and_tokens)
{
	PGconn *db = world_db(&w);
	sql_exec(db,
		 "insert into m2m.client (client_id, organization_id, secret_version, token_lifetime, roles, scopes, audiences)"
		 " select 'm2m_' || lpad(i::text, 22, '0'), '%s', 1, 3600, '{}', '{api}', '{a}' from generate_series(1, 20000) i",
		 acme.id);
	sql_exec(db, "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		     " select client_id, 1, 'k1', sha256('s'), sha256(client_id::bytea), 'abcd' from m2m.client where not is_default");
	sql_exec(
		db,
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, auth_method)"
		" select now() - interval '1 hour', now(), gen_random_uuid(), '%s', gen_random_uuid(), gen_random_uuid(), 1, 'r', "
		"client_id,"
		" 'k', client_id, 'api', 'a', 'b' from m2m.client, generate_series(1, 5) where not is_default",
		acme.id);
	sql_exec(db, "analyze");
	sql_exec(db, "select pg_stat_reset()");
	sql_exec(decider, "set plan_cache_mode = force_generic_plan; set enable_seqscan = off");
	cr_expect_eq(decide(), 1);
	sql_exec(decider, "select pg_stat_force_next_flush()");
	cr_expect_eq(sql_int(db, "select coalesce(sum(seq_tup_read), 0) from pg_stat_user_tables where relname like 'token_audit%%' or "
				 "relname = 'client_secret'"),
		     0, "a table was read from its begin to its end");
}
