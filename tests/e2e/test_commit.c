/* No token before its row has committed, and none if it doesn't: a trigger that is deferred to
 * the commit holds it up, or makes it fail. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define LOCK "4711"

static struct world w;
static struct org acme;
static struct http_reply r;

static void prepare(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=20000");
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(commit, .init = prepare, .fini = close_world, .timeout = 120);

static int token(void)
{
	return oauth_token(w.gateway.http, acme.client_id, acme.secret, &r);
}

/* A gateway that signs with this algorithm from the start. */
static void open_world(const char *alg)
{
	static struct ctl_result ran;
	world_ctl(&w, &ran, "key", "rotate", "--alg", alg);
	sql_exec(world_db(&w), "update m2m.signing_key set active_from = clock_timestamp() where state = 'next'");
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	expect_status(token(), 200);
	cr_assert_str_eq(sql_text(world_db(&w), "select alg from m2m.token_audit join m2m.signing_key using (kid)"), alg);
}

static void at_commit(const char *what)
{
	sql_exec(world_db(&w), "create function public.at_commit() returns trigger language plpgsql as $$ begin %s; return null; end $$",
		 what);
	sql_exec(world_db(&w),
		 "create constraint trigger at_commit after insert on m2m.token_audit deferrable initially deferred for each row "
		 "execute function public.at_commit()");
}

static int64_t rows(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit");
}

static bool answers_within(const struct http_conn *c, int ms)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	return c->n > 0 || poll(&p, 1, ms) != 0;
}

static void send_request(struct http_conn *c)
{
	char form[256], text[512];
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(
		text, sizeof text,
		"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		n, form);
	cr_assert(http_open(c, w.gateway.http) && http_send_text(c, text));
}

static void wait_for_commits(int n)
{
	int64_t begin = clock_mono_us();
	while (sql_int(world_db(&w),
		       "select count(*) from pg_locks l join pg_database d on d.oid = l.database and d.datname = current_database()"
		       " where l.locktype = 'advisory' and l.objid = " LOCK " and not l.granted") != n)
		cr_assert_lt(clock_mono_us() - begin, 10000000, "no commit came to wait");
}

/* One that is alone, and behind it two that are one batch. */
static void hold_up_the_commit(void)
{
	static struct http_conn c[3];
	int64_t before = rows();
	at_commit("perform pg_advisory_xact_lock(" LOCK ")");
	sql_exec(world_db(&w), "select pg_advisory_lock(" LOCK ")");
	send_request(&c[0]);
	wait_for_commits(1);
	send_request(&c[1]);
	send_request(&c[2]);
	for (int k = 0; k < 3; k++)
		cr_assert_not(answers_within(&c[k], 200));
	cr_assert_eq(rows(), before);
	sql_exec(world_db(&w), "select pg_advisory_unlock(" LOCK ")");
	for (int k = 0; k < 3; k++) {
		expect_status(http_read(&c[k], &r, 10000, false), 200);
		http_close(&c[k]);
	}
	cr_assert_eq(rows(), before + 3);
}

static void make_the_commit_fail(void)
{
	char retry[32];
	int64_t before = rows();
	at_commit("raise exception 'no room'");
	for (int k = 0; k < 3; k++) {
		expect_status(token(), 503);
		cr_assert(is_oauth_error(&r, "temporarily_unavailable"), "%s", r.body);
		cr_assert_null(strstr(r.body, "eyJ"));
		cr_assert_str_eq(http_header(&r, "Retry-After", retry, sizeof retry), "1");
	}
	cr_assert_eq(rows(), before);
	sql_exec(world_db(&w), "drop function public.at_commit() cascade");
	expect_status(token(), 200);
	cr_assert_eq(rows(), before + 1);
}

/* Signed while its row is being committed, when it is alone. */
Test(commit, a_token_of_rs256_leaves_when_its_row_has_committed_and_not_before)
{
	open_world("RS256");
	hold_up_the_commit();
}

Test(commit, a_token_of_rs256_whose_row_does_not_commit_is_not_delivered)
{
	open_world("RS256");
	make_the_commit_fail();
}

/* Signed after that. */
Test(commit, so_does_a_token_of_es256)
{
	open_world("ES256");
	hold_up_the_commit();
}

Test(commit, nor_is_one_of_es256)
{
	open_world("ES256");
	make_the_commit_fail();
}
