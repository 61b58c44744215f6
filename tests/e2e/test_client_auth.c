/* Clients that show a key where they ask what a token is worth, end one, or get one for an admin's
 * bearer: over both transports, each assertion once, as at the token endpoint. What an assertion
 * must say is in test_client_keys.c and in tests/unit/op. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define FORM       "application/x-www-form-urlencoded"
#define TYPE       "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define INTROSPECT "/oauth2/introspect"
#define REVOKE     "/oauth2/revoke"
#define REPLAYED   "The assertion was used before: each one is good for one request."
#define GRPC       "/m2m.v1.M2MClients/"

static struct world w;
static struct gateway second;
static struct org acme, api; /* api's client is a resource server */
static struct client_key_pair key, api_key;
static char admin[TOKEN_MAX], token[TOKEN_MAX], assertion[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;
static struct ctl_result ran;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "api", &api);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(api), KEPT(admin));

static void open_world(void)
{
	world_open_filled(&w);
	world_ctl(&w, &ran, "client", "set", "--org", "api", "--role", "resource_server");
	client_key_make(&key, JWT_ES256);
	client_key_make(&api_key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	client_key_add(&w, &api, &api_key);
	client_token(&w, &acme, token);
}

static void close_world(void)
{
	signing_key_free(key.key);
	signing_key_free(api_key.key);
	if (second.pid != 0)
		gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(client_auth, .init = open_world, .fini = close_world, .timeout = 120);

static void acmes(void)
{
	client_assertion_new(acme.client_id, &key, 60, assertion);
}
static void apis(void)
{
	client_assertion_new(api.client_id, &api_key, 60, assertion);
}

/* With the assertion, and what is more in the form. */
static int shown_at(uint16_t port, const char *path, const char *more)
{
	char form[2 * TOKEN_MAX + 512];
	snprintf(form, sizeof form, "token=%s&client_assertion_type=" TYPE "&client_assertion=%s%s", token, assertion, more);
	return http_call(port, &(struct http_request){.path = path, .type = FORM, .body = form}, &r);
}

static int shown(const char *path)
{
	return shown_at(w.gateway.http, path, "");
}

static bool is_active(void)
{
	return strstr(r.body, "\"active\":true") != NULL;
}

static void expect_refused(int status, const char *why)
{
	char said[512];
	expect_status(status, 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	cr_expect_str_eq(body_text(&r, "error_description", said, sizeof said), why);
}

/* ---- what becomes of a token ---- */

Test(client_auth, a_key_asks_what_a_token_is_worth)
{
	apis();
	expect_status(shown(INTROSPECT), 200);
	cr_expect(is_active(), "%s", r.body);
	expect_refused(shown(INTROSPECT), REPLAYED);
	expect_status(assertion_token(w.gateway.http, assertion, "", &r), 401);
	cr_expect(strstr(r.body, REPLAYED) != NULL, "it was used at another endpoint: %s", r.body);
}

Test(client_auth, a_key_ends_a_token_of_its_client)
{
	acmes();
	expect_status(shown(REVOKE), 200);
	expect_refused(shown(REVOKE), REPLAYED);
	apis();
	expect_status(shown(INTROSPECT), 200);
	cr_expect_not(is_active(), "%s", r.body);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'revoke_token' and actor = '%s'",
			     acme.client_id),
		     1);
}

Test(client_auth, what_is_refused_for_something_else_is_not_used_up)
{
	acmes();
	expect_status(shown(INTROSPECT), 403);
	cr_expect(strstr(r.body, "lacks the role resource_server") != NULL, "%s", r.body);
	expect_status(shown(REVOKE), 200);
}

Test(client_auth, an_assertion_is_good_for_one_answer_of_two_gateways)
{
	gateway_start(&second, &w.gateway_env);
	for (int i = 0; i < 5; i++) {
		apis();
		expect_status(shown_at(i % 2 == 0 ? w.gateway.http : second.http, INTROSPECT, ""), 200);
		expect_refused(shown_at(i % 2 == 0 ? second.http : w.gateway.http, INTROSPECT, ""), REPLAYED);
	}
}

Test(client_auth, a_removed_key_and_a_method_that_is_not_allowed_open_nothing)
{
	client_key_remove(&w, &api, &api_key);
	apis();
	expect_status(shown(INTROSPECT), 401);
	sql_exec(world_db(&w), "update m2m.client set auth_methods = '{secret}' where client_id = '%s'", acme.client_id);
	acmes();
	expect_refused(shown(REVOKE), "The client may not authenticate in this way.");
	sql_exec(world_db(&w), "update m2m.client set auth_methods = '{key}' where client_id = '%s'", acme.client_id);
	expect_status(shown(REVOKE), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.revoked_token"), 1);
}

Test(client_auth, an_assertion_stands_alone)
{
	char more[256], form[TOKEN_MAX + 64];
	snprintf(more, sizeof more, "&client_id=%s&client_secret=%s", api.client_id, api.secret);
	apis();
	expect_status(shown_at(w.gateway.http, INTROSPECT, more), 400);
	snprintf(form, sizeof form, "token=x&client_assertion=%s", assertion);
	const struct http_request q = {.path = INTROSPECT, .bearer = admin, .type = FORM, .body = form};
	expect_status(http_call(w.gateway.http, &q, &r), 400);
	expect_status(shown(INTROSPECT), 200);
}

/* ---- batches ---- */

#define ASKERS 4
#define ASKED  24 /* by each, every other one with a key */

struct asker {
	pthread_t id;
	struct http_conn conn;
	struct http_reply reply;
	char bodies[ASKED][2 * TOKEN_MAX + 256];
	unsigned good, replayed;
};
static struct asker askers[ASKERS];

static void *ask(void *arg)
{
	struct asker *a = arg;
	for (int i = 0; i < ASKED; i++) {
		const struct http_request q = {.path = INTROSPECT, .type = FORM, .body = a->bodies[i]};
		int status = http_call_on(&a->conn, &q, &a->reply);
		a->good += status == 200 && strstr(a->reply.body, "\"active\":true") != NULL;
		a->replayed += status == 401 && strstr(a->reply.body, REPLAYED) != NULL;
	}
	return NULL;
}

/* Each assertion is shown twice, by different askers. */
Test(client_auth, secrets_and_keys_share_batches)
{
	static char assertions[ASKED][TOKEN_MAX];
	unsigned good = 0, replayed = 0;
	for (int i = 0; i < ASKED; i++)
		client_assertion_new(api.client_id, &api_key, 120, assertions[i]);
	for (int k = 0; k < ASKERS; k++) {
		for (int i = 0; i < ASKED; i++)
			if (i % 2 == 0)
				snprintf(askers[k].bodies[i], sizeof askers[k].bodies[i],
					 "token=%s&client_assertion_type=" TYPE "&client_assertion=%s", token,
					 assertions[i / 2 + k % 2 * ASKED / 2]);
			else
				snprintf(askers[k].bodies[i], sizeof askers[k].bodies[i], "token=%s&client_id=%s&client_secret=%s", token,
					 api.client_id, api.secret);
		http_open(&askers[k].conn, w.gateway.http);
	}
	for (int k = 0; k < ASKERS; k++)
		cr_assert_eq(pthread_create(&askers[k].id, NULL, ask, &askers[k]), 0);
	for (int k = 0; k < ASKERS; k++) {
		pthread_join(askers[k].id, NULL);
		http_close(&askers[k].conn);
		good += askers[k].good;
		replayed += askers[k].replayed;
	}
	cr_expect_eq(good, ASKERS * ASKED / 2 + ASKED, "%u", good);
	cr_expect_eq(replayed, ASKED, "%u", replayed);
}

/* ---- tokens for an admin's bearer, and gRPC ---- */

static int issue_json(const char *more)
{
	char body[2 * TOKEN_MAX];
	snprintf(body, sizeof body,
		 "{\"grant_type\":\"client_credentials\",\"client_assertion_type\":\"" TYPE "\",\"client_assertion\":\"%s\"%s}", assertion,
		 more);
	const struct http_request q = {.path = "/m2m/token", .bearer = admin, .type = "application/json", .body = body};
	return http_call(w.gateway.http, &q, &r);
}

Test(client_auth, an_admin_gets_a_token_with_the_client_s_assertion)
{
	char got[TOKEN_MAX], said[128], more[256];
	acmes();
	expect_status(issue_json(""), 200);
	body_text(&r, "access_token", got, sizeof got);
	cr_expect_str_eq(claim_text(got, "credential_id", said, sizeof said), key.id);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.tokens_issued where auth_method = 'private_key_jwt' and caller <> client_id"),
		     1);
	expect_refused(issue_json(""), REPLAYED);
	acmes();
	snprintf(more, sizeof more, ",\"client_id\":\"%s\",\"client_secret\":\"%s\"", acme.client_id, acme.secret);
	expect_status(issue_json(more), 400);
	apis(); /* of another organization than the bearer's */
	expect_status(issue_json(""), 401);
	expect_status(shown(INTROSPECT), 200);
	cr_expect(is_active(), "it wasn't used up");
}

/* `fields`: the numbers of client_assertion and client_assertion_type. */
static int call_grpc(const char *method, const char *bearer, const char *first, unsigned assertion_field)
{
	struct pb m = {.n = 0};
	char path[64];
	snprintf(path, sizeof path, GRPC "%s", method);
	pb_put_text(&m, 1, first);
	pb_put_text(&m, assertion_field, assertion);
	pb_put_text(&m, assertion_field + 1, TYPE);
	return grpc_call(w.gateway.grpc, &(struct grpc_request){.path = path, .bearer = bearer, .message = &m}, &g);
}

Test(client_auth, grpc_takes_assertions_too)
{
	bool compressed;
	acmes();
	cr_expect_eq(call_grpc("IssueToken", admin, "client_credentials", 7), 0, "%s", g.fields);
	pb_text(grpc_message(&g, 0, &compressed), 1, token, sizeof token);
	cr_expect_eq(call_grpc("IssueToken", admin, "client_credentials", 7), 16, "%s", g.fields);
	apis();
	cr_expect_eq(call_grpc("IntrospectToken", NULL, token, 5), 0, "%s", g.fields);
	cr_expect_eq(pb_int(grpc_message(&g, 0, &compressed), 1), 1);
	cr_expect_eq(call_grpc("IntrospectToken", NULL, token, 5), 16, "%s", g.fields);
	acmes();
	cr_expect_eq(call_grpc("RevokeToken", NULL, token, 5), 0, "%s", g.fields);
	apis();
	cr_expect_eq(call_grpc("IntrospectToken", NULL, token, 5), 0, "%s", g.fields);
	cr_expect_eq(pb_int(grpc_message(&g, 0, &compressed), 1), 0);
}
