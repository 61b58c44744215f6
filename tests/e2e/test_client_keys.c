/* private_key_jwt (RFC 7523): clients that sign assertions in place of showing a secret, against
 * real daemons. What an assertion must say is tested by table in tests/unit/op. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/show_once.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define REPLAYED "The assertion was used before: each one is good for one request."
#define NO_MATCH "No key of this client has made the assertion's signature, or there is no such client."

static struct world w;
static struct gateway second;
static struct org acme;
static struct client_key_pair key;
static char assertion[TOKEN_MAX], token[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_open_filled(&w);
	client_key_make(&key, JWT_ES256);
	client_key_add(&w, &acme, &key);
}

static void close_world(void)
{
	signing_key_free(key.key);
	if (second.pid != 0)
		gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(client_keys, .init = open_world, .fini = close_world, .timeout = 120);

static void fresh(void)
{
	client_assertion_new(acme.client_id, &key, 60, assertion);
}

static void expect_token(uint16_t port, const char *more)
{
	expect_status(assertion_token(port, assertion, more, &r), 200);
	body_text(&r, "access_token", token, sizeof token);
}

static void expect_refused(uint16_t port, const char *more, const char *why)
{
	char said[512];
	expect_status(assertion_token(port, assertion, more, &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	cr_expect_str_eq(body_text(&r, "error_description", said, sizeof said), why);
}

static int64_t tokens(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '%s'", acme.client_id);
}

/* ---- getting a token ---- */

static const char *row_of_key(void)
{
	static char text[128];
	snprintf(text, sizeof text, "private_key_jwt %s", key.id);
	return text;
}

Test(client_keys, an_assertion_gets_a_token_that_opens_our_routes)
{
	char said[128];
	fresh();
	expect_token(w.gateway.http, "");
	cr_expect_str_eq(claim_text(token, "credential_id", said, sizeof said), key.id);
	cr_expect_eq(claim_int(token, "secret_version"), INT64_MIN, "no secret was shown");
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	cr_expect_eq(tokens(), 1);
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_method || ' ' || credential from m2m.tokens_issued where client_id = '%s'",
				  acme.client_id),
			 row_of_key());
}

Test(client_keys, client_id_may_stand_beside_the_assertion_if_it_is_the_same)
{
	char more[128];
	fresh();
	snprintf(more, sizeof more, "&client_id=%s", acme.client_id);
	expect_token(w.gateway.http, more);
	fresh();
	expect_refused(w.gateway.http, "&client_id=m2m_0000000000000000000000",
		       "The parameter client_id names another client than the assertion's sub.");
}

Test(client_keys, each_algorithm_is_taken)
{
	static const enum jwt_alg algs[] = {JWT_RS256, JWT_PS256, JWT_EDDSA};
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		struct client_key_pair other;
		client_key_make(&other, algs[i]);
		client_key_add(&w, &acme, &other);
		client_assertion_new(acme.client_id, &other, 60, assertion);
		expect_token(w.gateway.http, "");
		signing_key_free(other.key);
	}
}

Test(client_keys, one_way_to_authenticate_at_a_time)
{
	char more[256];
	fresh();
	snprintf(more, sizeof more, "&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	expect_status(assertion_token(w.gateway.http, assertion, more, &r), 400);
	cr_expect(is_oauth_error(&r, "invalid_request"), "%s", r.body);
	expect_token(w.gateway.http, ""); /* it wasn't used up */
}

Test(client_keys, an_assertion_needs_its_type)
{
	static const struct {
		const char *form, *why;
	} cases[] = {
		{"client_assertion=x", "The parameter client_assertion_type is missing (RFC 7521 section 4.2)."},
		{"client_assertion=x&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer",
		 "The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer."},
		{"client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		 "The parameter client_assertion is missing beside client_assertion_type."},
		{"client_assertion=x.y.z&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		 "The client_assertion isn't a JWT of the form and the algorithms that are taken here."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char form[512], said[256];
		snprintf(form, sizeof form, "grant_type=client_credentials&%s", cases[i].form);
		expect_status(post_form(&w, "/oauth2/token", NULL, form, &r), 401);
		cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
		cr_expect_str_eq(body_text(&r, "error_description", said, sizeof said), cases[i].why);
	}
}

Test(client_keys, claims_that_are_wrong_are_told)
{
	static const char *const audiences[] = {"\"https://issuer.test/oauth2/token\"", "[\"https://issuer.test\",\"https://other.test\"]"};
	for (size_t i = 0; i < sizeof audiences / sizeof *audiences; i++) {
		char claims[512];
		snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":%s,\"exp\":%lld,\"jti\":\"a\"}", acme.client_id,
			 acme.client_id, audiences[i], (long long)time(NULL) + 60);
		client_assertion_sign(&key, claims, assertion);
		expect_refused(w.gateway.http, "", "The assertion's aud must be the issuer identifier and nothing else (RFC 10070).");
	}
	client_assertion_new(acme.client_id, &key, 400, assertion);
	cr_expect_eq(assertion_token(w.gateway.http, assertion, "", &r), 401, "longer than five minutes ahead");
	client_assertion_new(acme.client_id, &key, -31, assertion);
	cr_expect_eq(assertion_token(w.gateway.http, assertion, "", &r), 401, "expired");
	cr_expect_eq(tokens(), 0);
}

/* ---- whose key ---- */

Test(client_keys, strangers_learn_nothing_about_clients_and_keys)
{
	struct org other;
	struct client_key_pair stranger;
	org_create(&w, "other", &other);
	client_key_make(&stranger, JWT_ES256);
	client_assertion_new(acme.client_id, &stranger, 60, assertion);
	expect_refused(w.gateway.http, "", NO_MATCH);
	client_assertion_new("m2m_0000000000000000000000", &stranger, 60, assertion);
	expect_refused(w.gateway.http, "", NO_MATCH);
	client_assertion_new(other.client_id, &key, 60, assertion); /* acme's key for another client */
	expect_refused(w.gateway.http, "", NO_MATCH);
	signing_key_free(stranger.key);
}

Test(client_keys, a_removed_key_opens_nothing_and_comes_back_without_its_tokens)
{
	fresh();
	expect_token(w.gateway.http, "");
	client_key_remove(&w, &acme, &key);
	fresh();
	cr_expect_eq(assertion_token(w.gateway.http, assertion, "", &r), 401, "%s", r.body);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	client_key_add(&w, &acme, &key);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	expect_status(assertion_token(w.gateway.http, assertion, "", &r), 200);
	body_text(&r, "access_token", token, sizeof token);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
}

Test(client_keys, a_key_ends_by_itself)
{
	fresh();
	expect_token(w.gateway.http, "");
	sql_exec(world_db(&w), "update m2m.client_credential set expires_at = clock_timestamp()");
	fresh();
	cr_expect_eq(assertion_token(w.gateway.http, assertion, "", &r), 401);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
}

Test(client_keys, a_client_uses_only_the_methods_that_it_may)
{
	char said[128];
	sql_exec(world_db(&w), "update m2m.client set auth_methods = '{key}' where client_id = '%s'", acme.client_id);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	cr_expect_str_eq(body_text(&r, "error_description", said, sizeof said), "The client may not authenticate in this way.");
	char form[TOKEN_MAX];
	snprintf(form, sizeof form, "client_id=%s&client_secret=%s&token=x", acme.client_id, acme.secret);
	expect_status(post_form(&w, "/oauth2/revoke", NULL, form, &r), 401);
	fresh();
	expect_token(w.gateway.http, "");
	sql_exec(world_db(&w), "update m2m.client set auth_methods = '{secret}' where client_id = '%s'", acme.client_id);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	fresh();
	expect_refused(w.gateway.http, "", "The client may not authenticate in this way.");
}

/* ---- once ---- */

Test(client_keys, an_assertion_is_good_for_one_token_everywhere)
{
	gateway_start(&second, &w.gateway_env);
	fresh();
	expect_token(w.gateway.http, "");
	expect_refused(w.gateway.http, "", REPLAYED);
	expect_refused(second.http, "", REPLAYED);
	gateway_kill(&second);
	gateway_start(&second, &w.gateway_env);
	expect_refused(second.http, "", REPLAYED);
	cr_expect_eq(tokens(), 1);
}

Test(client_keys, what_was_refused_for_something_else_is_not_used_up)
{
	fresh();
	expect_status(assertion_token(w.gateway.http, assertion, "&scope=nobody:has", &r), 400);
	cr_expect(is_oauth_error(&r, "invalid_scope"), "%s", r.body);
	expect_token(w.gateway.http, "");
}

#define SHOWN 60 /* assertions */

static enum shown show(struct http_conn *c, const char *shown, struct http_reply *reply)
{
	int status = assertion_token_on(c, shown, reply);
	bool replayed = status == 401 && strstr(reply->body, REPLAYED) != NULL;
	return status == 200 ? SHOWN_GRANTED : replayed ? SHOWN_REPLAYED : SHOWN_OTHERWISE;
}

Test(client_keys, assertions_in_opposite_orders_at_two_gateways_harm_nobody)
{
	static char shown[SHOWN][TOKEN_MAX];
	gateway_start(&second, &w.gateway_env);
	for (unsigned i = 0; i < SHOWN; i++)
		client_assertion_new(acme.client_id, &key, 120, shown[i]);
	show_each_once(&w, &second, &acme, show, shown, SHOWN);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where secret_version is null and client_id is not null"),
		     SHOWN);
}

/* ---- at once ---- */

#define TOGETHER "m2m_signatures_verified_together_total"
#define AT_ONCE  21 /* two groups that are verified together, and a rest */

enum fate { GOOD, FORGED, GONE };

static enum fate fate_of(unsigned i)
{
	return i % 4 == 1 ? FORGED : i % 7 == 6 ? GONE : GOOD;
}

static void send_assertion(struct http_conn *c, bool forge)
{
	char request[TOKEN_MAX + 1024], form[TOKEN_MAX + 512];
	fresh();
	char *at = &assertion[strlen(assertion) - 8];
	if (forge)
		*at = *at == 'A' ? 'B' : 'A';
	int n = snprintf(form, sizeof form,
			 "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
			 "&client_assertion=%s",
			 assertion);
	snprintf(request, sizeof request,
		 "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
		 "Content-Length: %d\r\n\r\n%s",
		 n, form);
	cr_assert(http_open(c, w.gateway.http) && http_send_text(c, request));
}

/* The gateway finds all of them when it goes on, so that one turn of its loop has them. */
static void send_at_once(struct http_conn *conns)
{
	cr_assert_eq(kill(w.gateway.pid, SIGSTOP), 0);
	for (unsigned i = 0; i < AT_ONCE; i++) {
		send_assertion(&conns[i], fate_of(i) == FORGED);
		if (fate_of(i) == GONE)
			http_close(&conns[i]);
	}
	cr_assert_eq(kill(w.gateway.pid, SIGCONT), 0);
}

static int64_t read_answers(struct http_conn *conns)
{
	int64_t granted = 0;
	for (unsigned i = 0; i < AT_ONCE; i++) {
		if (fate_of(i) == GONE)
			continue;
		int status = http_read(&conns[i], &r, HTTP_TIMEOUT_MS, false);
		cr_expect_eq(status, fate_of(i) == GOOD ? 200 : 401, "%u: %d %s", i, status, r.body);
		cr_expect(status == 200 || strstr(r.body, NO_MATCH) != NULL, "%s", r.body);
		granted += status == 200;
		http_close(&conns[i]);
	}
	return granted;
}

Test(client_keys, good_ones_forged_ones_and_clients_that_go_away_at_once_are_told_apart)
{
	static struct http_conn conns[AT_ONCE];
	int64_t granted = 0, together = gateway_metric(&w, TOGETHER);
	for (int round = 0; round < 3; round++) {
		send_at_once(conns);
		granted += read_answers(conns);
	}
	together = gateway_metric(&w, TOGETHER) - together;
	cr_expect(gateway_has_crypto_mb(&w.gateway) ? together > 0 : together == 0, "%lld were verified together", (long long)together);
	gateway_stop(&w.gateway, 15000); /* whoever went away has been answered too */
	cr_expect_geq(tokens(), granted, "no token without its row");
	cr_expect_eq(sql_int(world_db(&w), "select sum(attempts)::bigint from m2m.denied_audit where client_id is null or client_id = '%s'",
			     acme.client_id),
		     3 * 5, "each forged one is refused, and nothing else");
	gateway_start(&w.gateway, &w.gateway_env);
}

/* ---- what remains ---- */

Test(client_keys, denied_assertions_are_counted_by_their_reason)
{
	fresh();
	expect_token(w.gateway.http, "");
	expect_refused(w.gateway.http, "", REPLAYED);
	gateway_stop(&w.gateway, 15000); /* writes down what it has counted */
	cr_expect_eq(sql_int(world_db(&w), "select attempts from m2m.denied_audit where client_id = '%s' and reason = 'assertion_replayed'",
			     acme.client_id),
		     1);
	gateway_start(&w.gateway, &w.gateway_env);
}

Test(client_keys, the_audit_finds_tokens_of_keys_that_were_not_there)
{
	struct ctl_result ran;
	fresh();
	expect_token(w.gateway.http, "");
	world_ctl(&w, &ran, "audit", "verify");
	sql_exec(world_db(&w), "delete from m2m.client_credential");
	ctl(&w.ctl_env, &ran, "audit", "verify");
	cr_expect_not_null(strstr(ran.out, "tokens with a key that the client never had"), "%s%s", ran.out, ran.err);
}

Test(client_keys, what_was_used_is_forgotten_by_the_hour)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "insert into m2m.used_once select mod(h, 32), decode(lpad(to_hex(h), 32, '0'), 'hex'), to_timestamp(h * 3600)"
		     " from (select (extract(epoch from now()) / 3600)::bigint + n as h from generate_series(-7, 24) n) hours");
	cr_expect_eq(sql_int(db, "select m2m.used_once_forget()"), 6);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.used_once"), 26);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.used_once where expires_at < now() - interval '2 hours'"), 0);
	cr_expect_eq(sql_int(db, "select m2m.used_once_forget()"), 0);
}
