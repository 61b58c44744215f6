/* DPoP (RFC 9449) against real daemons: tokens that are bound to a key, and our own routes, which
 * hold them to it. What a proof must say is tested by table in tests/unit/op. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/dpop.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/show_once.h"

SHARED_CLUSTER("");

#define ALGS       "algs=\"RS256 ES256 PS256 EdDSA Ed25519\""
#define REALM      "realm=\"m2m-gateway\""
#define REPLAYED   "The DPoP proof was used before: each one is good for one request."
#define CLIENT_ID  "/m2m/client-id"
#define INTROSPECT "/oauth2/introspect"

static struct world w;
static struct gateway second;
static struct org acme;
static struct client_key_pair key;
static char proof[TOKEN_MAX], token[TOKEN_MAX];
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
}

static void close_world(void)
{
	signing_key_free(key.key);
	if (second.pid != 0)
		gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(dpop, .init = open_world, .fini = close_world, .timeout = 120);

static const char *said(const char *member)
{
	static char text[1024];
	return body_text(&r, member, text, sizeof text);
}

static const char *header(const char *name)
{
	static char text[1024];
	return http_header(&r, name, text, sizeof text);
}

static int64_t tokens(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '%s'", acme.client_id);
}

/* For GET /m2m/client-id with the token. */
static void prove(const struct client_key_pair *k)
{
	proof_new(k, &(struct proof){.method = "GET", .url = DPOP_URL CLIENT_ID, .token = token}, proof);
}

static int get_id(const char *scheme, const char *with)
{
	return call_with_proof(w.gateway.http, CLIENT_ID, NULL, scheme, token, with, &r);
}

/* At the token endpoint (RFC 9449 section 5): 400. */
static void expect_no_token(uint16_t port, const char *with, const char *error, const char *why)
{
	expect_status(token_with_proof(port, &acme, with, &r), 400);
	cr_expect(is_oauth_error(&r, error), "%s", r.body);
	cr_expect_str_eq(said("error_description"), why);
	cr_expect_str_eq(header("WWW-Authenticate"), "");
}

/* Of a bearer (section 7.1): 401, with a challenge. */
static void expect_challenge(int status, const char *code, const char *error, const char *why)
{
	char want[256];
	cr_expect_eq(status, 401, "%d %s", status, r.body);
	cr_expect(is_problem(&r, code), "%s: %s", code, r.body);
	cr_expect_eq(body_int(&r, "status"), 401);
	cr_expect_str_eq(said("detail"), why);
	snprintf(want, sizeof want, "DPoP " REALM ", error=\"%s\", " ALGS, error);
	cr_expect_str_eq(header("WWW-Authenticate"), want);
}

/* ---- a token that is bound ---- */

static const char *binding(void)
{
	static char text[64];
	snprintf(text, sizeof text, "jkt:%s", key.id);
	return text;
}

Test(dpop, a_proof_binds_the_token_to_its_key)
{
	char member[128];
	proof_for_token(&key, proof);
	expect_status(token_with_proof(w.gateway.http, &acme, proof, &r), 200);
	cr_expect_str_eq(said("token_type"), "DPoP");
	body_text(&r, "access_token", token, sizeof token);
	cr_expect_str_eq(sql_text(world_db(&w), "select bound_to from m2m.tokens_issued where client_id = '%s'", acme.client_id),
			 binding());
	prove(&key);
	expect_status(get_id("DPoP", proof), 200);
	prove(&key);
	expect_status(get_id("dpop", proof), 200); /* RFC 9110 section 11.1 */
	expect_status(token_with_proof(w.gateway.http, &acme, NULL, &r), 200);
	cr_expect_str_eq(said("token_type"), "Bearer");
	snprintf(member, sizeof member, "%s", said("access_token"));
	cr_expect_eq(tokens(), 2);
}

Test(dpop, each_algorithm_is_taken)
{
	static const enum jwt_alg algs[] = {JWT_RS256, JWT_PS256, JWT_EDDSA};
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		struct client_key_pair other;
		client_key_make(&other, algs[i]);
		bound_token(&w, &acme, &other, token);
		prove(&other);
		expect_status(get_id("DPoP", proof), 200);
		signing_key_free(other.key);
	}
}

Test(dpop, introspection_tells_the_key)
{
	char form[TOKEN_MAX + 64], want[128], admin[TOKEN_MAX], text[64];
	struct grpc_reply g;
	struct pb m = {.n = 0};
	bound_token(&w, &acme, &key, token);
	mint(&w, "acme", "admin", admin);
	snprintf(form, sizeof form, "token=%s", token);
	expect_status(post_form(&w, INTROSPECT, admin, form, &r), 200);
	cr_expect_str_eq(said("token_type"), "DPoP");
	snprintf(want, sizeof want, "\"cnf\":{\"jkt\":\"%s\"}", key.id);
	cr_expect_not_null(strstr(r.body, want), "%s", r.body);
	pb_put_text(&m, 1, token);
	cr_assert_eq(grpc_call(w.gateway.grpc,
			       &(struct grpc_request){.path = "/m2m.v1.M2MClients/IntrospectToken", .bearer = admin, .message = &m}, &g),
		     0);
	cr_expect_str_eq(pb_text(grpc_message(&g, 0, NULL), 4, text, sizeof text), "DPoP");
	cr_expect_str_eq(pb_text(pb_bytes(grpc_message(&g, 0, NULL), 12), 1, text, sizeof text), key.id);
}

Test(dpop, a_bound_bearer_asks_about_tokens_with_its_proof)
{
	char form[TOKEN_MAX + 64], headers[2 * TOKEN_MAX + 64];
	const struct http_request q = {.path = INTROSPECT, .type = "application/x-www-form-urlencoded", .body = form, .headers = headers};
	bound_token(&w, &acme, &key, token);
	snprintf(form, sizeof form, "token=%s", token);
	proof_new(&key, &(struct proof){.method = "POST", .url = DPOP_URL INTROSPECT, .token = token}, proof);
	snprintf(headers, sizeof headers, "Authorization: DPoP %s\r\nDPoP: %s\r\n", token, proof);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	cr_expect_not_null(strstr(r.body, "\"active\":true"), "%s", r.body);
	expect_challenge(http_call(w.gateway.http, &q, &r), "proof_replayed", "invalid_dpop_proof", REPLAYED);
	snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", token);
	cr_expect_eq(http_call(w.gateway.http, &q, &r), 401);
}

Test(dpop, discovery_lists_the_algorithms)
{
	expect_status(get(&w, "/.well-known/oauth-authorization-server", NULL, &r), 200);
	cr_expect_not_null(strstr(r.body, "\"dpop_signing_alg_values_supported\":[\"RS256\",\"ES256\",\"PS256\",\"EdDSA\",\"Ed25519\"]"),
			   "%s", r.body);
}

/* ---- at the token endpoint ---- */

#define TOKEN_URL DPOP_URL "/oauth2/token"
#define HTM       "The proof's htm must be the method of this request (RFC 9449 section 4.3)."
#define HTU       "The proof's htu must be the URL of this request, without query and fragment (RFC 9449 section 4.3)."
#define NO_JWT                                                                                                                             \
	"The proof must be one JWT with typ dpop+jwt, its public key in jwk, and an alg of ES256, PS256, EdDSA or RS256 (RFC 9449 "        \
	"section "                                                                                                                         \
	"4.2)."

Test(dpop, a_proof_that_fails_gets_no_token_and_ends_no_secret)
{
	static const struct {
		struct proof p;
		const char *why;
	} cases[] = {
		{{.url = TOKEN_URL}, HTM},
		{{.method = "GET", .url = TOKEN_URL}, HTM},
		{{.method = "POST"}, HTU},
		{{.method = "POST", .url = "https://other.test/oauth2/token"}, HTU},
		{{.method = "POST", .url = DPOP_URL "/m2m/token"}, HTU},
		{{.method = "POST", .url = TOKEN_URL, .age = 62}, "The proof's iat is too long ago; make a new proof for every request."},
		{{.method = "POST", .url = TOKEN_URL, .age = -20}, "The proof's iat is in the future; check the client's clock."},
		{{.method = "POST", .url = TOKEN_URL, .jti = ""},
		 "The proof lacks jti, a string of 1 to 256 bytes that is new in every proof (RFC 9449 section 4.2)."},
		{{.method = "POST", .url = TOKEN_URL, .more = ",\"exp\":1"},
		 "The proof has expired: its exp is in the past, or no number."},
		{{.method = "POST", .url = TOKEN_URL, .more = ",\"nbf\":99999999999"},
		 "The proof isn't valid yet: its nbf is in the future, or no number."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		proof_new(&key, &cases[i].p, proof);
		expect_no_token(w.gateway.http, proof, "invalid_dpop_proof", cases[i].why);
	}
	expect_no_token(w.gateway.http, "", "invalid_dpop_proof", NO_JWT);
	expect_no_token(w.gateway.http, "a.b.c", "invalid_dpop_proof", NO_JWT);
	proof_for_token(&key, proof);
	size_t last = strlen(proof) - 1;
	proof[last - 8] = proof[last - 8] == 'A' ? 'B' : 'A';
	expect_no_token(w.gateway.http, proof, "invalid_dpop_proof",
			"The proof's signature isn't of its jwk, or the jwk is no public key for its alg.");
	cr_expect_eq(tokens(), 0);
	bound_token(&w, &acme, &key, token);
}

Test(dpop, more_than_one_proof_is_refused_on_both_ways_in)
{
	static const char *const paths[] = {"/oauth2/token", "/oauth2/token?x=y"}; /* the second is evhttp's */
	char other[TOKEN_MAX], form[256], headers[3 * TOKEN_MAX];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		const struct http_request q = {
			.path = paths[i], .type = "application/x-www-form-urlencoded", .body = form, .headers = headers};
		proof_for_token(&key, proof);
		proof_for_token(&key, other);
		snprintf(headers, sizeof headers, "DPoP: %s\r\ndpop: %s\r\n", proof, other);
		expect_status(http_call(w.gateway.http, &q, &r), 400);
		cr_expect(is_oauth_error(&r, "invalid_dpop_proof"), "%s", r.body);
		cr_expect_str_eq(said("error_description"), "There is more than one DPoP field (RFC 9449 section 4.3).");
		snprintf(headers, sizeof headers, "dPoP: %s\r\n", proof);
		expect_status(http_call(w.gateway.http, &q, &r), 200);
		cr_expect_str_eq(said("token_type"), "DPoP");
	}
}

Test(dpop, a_request_that_is_refused_for_something_else_leaves_its_proof)
{
	struct org stranger = acme;
	wrong_secret(stranger.secret);
	proof_for_token(&key, proof);
	expect_status(token_with_proof(w.gateway.http, &stranger, proof, &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(token_with_proof(w.gateway.http, &acme, proof, &r), 200);
}

Test(dpop, a_client_that_has_to_bind_its_tokens_gets_no_other)
{
	sql_exec(world_db(&w), "update m2m.client set token_binding = 'dpop' where client_id = '%s'", acme.client_id);
	expect_no_token(w.gateway.http, NULL, "invalid_request",
			"The client's tokens must be bound: show a DPoP proof, or a client certificate, as it is set to.");
	bound_token(&w, &acme, &key, token);
}

static int assertion_with_proof(const char *assertion)
{
	char form[TOKEN_MAX + 512], headers[TOKEN_MAX + 16];
	snprintf(form, sizeof form,
		 "grant_type=client_credentials&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
		 "&client_assertion=%s",
		 assertion);
	snprintf(headers, sizeof headers, "DPoP: %s\r\n", proof);
	return http_call(w.gateway.http,
			 &(struct http_request){
				 .path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .body = form, .headers = headers},
			 &r);
}

Test(dpop, fapi2_alone_refuses_rs256)
{
	struct client_key_pair rsa;
	char assertion[TOKEN_MAX];
	client_key_make(&rsa, JWT_RS256);
	client_key_add(&w, &acme, &key);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	proof_for_token(&rsa, proof);
	expect_status(assertion_with_proof(assertion), 200);
	sql_exec(world_db(&w),
		 "update m2m.client set profile = 'fapi2', token_binding = 'dpop', auth_methods = '{key}' where client_id = '%s'",
		 acme.client_id);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	proof_for_token(&rsa, proof);
	expect_status(assertion_with_proof(assertion), 400);
	cr_expect(is_oauth_error(&r, "invalid_dpop_proof"), "%s", r.body);
	cr_expect_str_eq(said("error_description"), "The proof's alg must be PS256, ES256 or EdDSA (FAPI 2.0 section 5.4.1).");
	proof_for_token(&key, proof);
	expect_status(assertion_with_proof(assertion), 200);
	signing_key_free(rsa.key);
}

/* ---- at our own routes ---- */

Test(dpop, a_bound_token_without_its_proof_opens_nothing)
{
	struct client_key_pair other;
	client_key_make(&other, JWT_ES256);
	bound_token(&w, &acme, &key, token);
	expect_challenge(get_id("Bearer", NULL), "invalid_token", "invalid_token",
			 "The access token is bound to a DPoP key: send it as Authorization: DPoP, with a proof.");
	prove(&key);
	expect_challenge(get_id("Bearer", proof), "invalid_token", "invalid_token",
			 "The access token is bound to a DPoP key: send it as Authorization: DPoP, with a proof.");
	expect_challenge(get_id("DPoP", NULL), "invalid_dpop_proof", "invalid_dpop_proof",
			 "The request lacks the field DPoP, with a proof of the access token's key.");
	prove(&other);
	expect_challenge(get_id("DPoP", proof), "invalid_token", "invalid_token",
			 "The access token is bound to another key than the proof's (RFC 9449 section 7.1).");
	proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL CLIENT_ID}, proof);
	expect_challenge(get_id("DPoP", proof), "invalid_dpop_proof", "invalid_dpop_proof",
			 "The proof's ath must be the hash of the access token (RFC 9449 section 4.3).");
	proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL CLIENT_ID, .token = "another"}, proof);
	expect_challenge(get_id("DPoP", proof), "invalid_dpop_proof", "invalid_dpop_proof",
			 "The proof's ath must be the hash of the access token (RFC 9449 section 4.3).");
	proof_new(&key, &(struct proof){.method = "POST", .url = DPOP_URL CLIENT_ID, .token = token}, proof);
	expect_challenge(get_id("DPoP", proof), "invalid_dpop_proof", "invalid_dpop_proof", HTM);
	proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL "/m2m/client-secret", .token = token}, proof);
	expect_challenge(get_id("DPoP", proof), "invalid_dpop_proof", "invalid_dpop_proof", HTU);
	prove(&key);
	expect_status(get_id("DPoP", proof), 200);
	signing_key_free(other.key);
}

Test(dpop, an_unbound_token_is_a_bearer_s)
{
	client_token(&w, &acme, token);
	prove(&key);
	expect_challenge(get_id("DPoP", proof), "invalid_token", "invalid_token",
			 "The access token isn't bound to a DPoP key: send it as Authorization: Bearer.");
	expect_status(get_id("Bearer", NULL), 200);
	expect_status(get(&w, CLIENT_ID, NULL, &r), 401);
	cr_expect_str_eq(header("WWW-Authenticate"), "Bearer " REALM ", DPoP " REALM ", " ALGS);
}

Test(dpop, over_grpc_a_bound_token_is_refused)
{
	struct grpc_reply g;
	char metadata[TOKEN_MAX + 64], text[256];
	bound_token(&w, &acme, &key, token);
	cr_expect_eq(grpc_get_id(&w, token, NULL, &g), 16);
	cr_expect_str_eq(grpc_field(&g, "grpc-message", text, sizeof text),
			 "The access token is bound to a DPoP key, and DPoP is taken over REST only.");
	snprintf(metadata, sizeof metadata, "authorization: DPoP %s\n", token);
	cr_expect_eq(grpc_get_id(&w, NULL, metadata, &g), 16);
}

Test(dpop, the_proof_of_a_bearer_binds_no_token_that_it_asks_for)
{
	char body[512];
	bound_token(&w, &acme, &key, token);
	snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}", acme.client_id,
		 acme.secret);
	proof_new(&key, &(struct proof){.method = "POST", .url = DPOP_URL "/m2m/token", .token = token}, proof);
	expect_status(call_with_proof(w.gateway.http, "/m2m/token", body, "DPoP", token, proof, &r), 200);
	cr_expect_str_eq(said("token_type"), "Bearer");
	expect_challenge(call_with_proof(w.gateway.http, "/m2m/token", body, "DPoP", token, proof, &r), "proof_replayed",
			 "invalid_dpop_proof", REPLAYED);
	cr_expect_eq(tokens(), 2);
}

Test(dpop, behind_a_proxy_the_proof_names_the_url_that_the_client_asked_for)
{
	static const char *const prefixes[] = {"", "/auth"}; /* a proxy that takes it off, and one that leaves it */
	char path[64];
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_ISSUER=" DPOP_URL "/auth");
	gateway_start(&w.gateway, &w.gateway_env);
	for (size_t i = 0; i < 2; i++) {
		char form[256], headers[TOKEN_MAX + 16];
		snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
		snprintf(path, sizeof path, "%s/oauth2/token", prefixes[i]);
		proof_new(&key, &(struct proof){.method = "POST", .url = DPOP_URL "/auth/oauth2/token"}, proof);
		snprintf(headers, sizeof headers, "DPoP: %s\r\n", proof);
		expect_status(
			http_call(w.gateway.http,
				  &(struct http_request){
					  .path = path, .type = "application/x-www-form-urlencoded", .body = form, .headers = headers},
				  &r),
			200);
		body_text(&r, "access_token", token, sizeof token);
		snprintf(path, sizeof path, "%s" CLIENT_ID, prefixes[i]);
		proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL "/auth" CLIENT_ID, .token = token}, proof);
		expect_status(call_with_proof(w.gateway.http, path, NULL, "DPoP", token, proof, &r), 200);
		prove(&key);
		expect_challenge(call_with_proof(w.gateway.http, path, NULL, "DPoP", token, proof, &r), "invalid_dpop_proof",
				 "invalid_dpop_proof", HTU);
	}
}

/* ---- once ---- */

Test(dpop, a_proof_is_good_for_one_token_everywhere)
{
	gateway_start(&second, &w.gateway_env);
	proof_for_token(&key, proof);
	expect_status(token_with_proof(w.gateway.http, &acme, proof, &r), 200);
	expect_no_token(w.gateway.http, proof, "invalid_dpop_proof", REPLAYED);
	expect_no_token(second.http, proof, "invalid_dpop_proof", REPLAYED);
	gateway_kill(&second);
	gateway_start(&second, &w.gateway_env);
	expect_no_token(second.http, proof, "invalid_dpop_proof", REPLAYED);
	cr_expect_eq(tokens(), 1);
	gateway_stop(&w.gateway, 15000); /* writes down what it has counted */
	cr_expect_eq(sql_int(world_db(&w), "select attempts from m2m.denied_audit where client_id = '%s' and reason = 'proof_replayed'",
			     acme.client_id),
		     1);
	gateway_start(&w.gateway, &w.gateway_env);
}

Test(dpop, a_proof_of_a_bearer_is_good_for_one_request_everywhere)
{
	gateway_start(&second, &w.gateway_env);
	bound_token(&w, &acme, &key, token);
	prove(&key);
	expect_status(get_id("DPoP", proof), 200);
	expect_challenge(get_id("DPoP", proof), "proof_replayed", "invalid_dpop_proof", REPLAYED);
	expect_challenge(call_with_proof(second.http, CLIENT_ID, NULL, "DPoP", token, proof, &r), "proof_replayed", "invalid_dpop_proof",
			 REPLAYED);
	gateway_kill(&second);
	gateway_start(&second, &w.gateway_env);
	expect_challenge(call_with_proof(second.http, CLIENT_ID, NULL, "DPoP", token, proof, &r), "proof_replayed", "invalid_dpop_proof",
			 REPLAYED);
}

Test(dpop, a_replayed_proof_changes_nothing)
{
	bound_token(&w, &acme, &key, token);
	proof_new(&key, &(struct proof){.method = "POST", .url = DPOP_URL "/m2m/rotate", .token = token}, proof);
	expect_status(call_with_proof(w.gateway.http, "/m2m/rotate", "{\"grace_seconds\":600}", "DPoP", token, proof, &r), 200);
	expect_challenge(call_with_proof(w.gateway.http, "/m2m/rotate", "{\"grace_seconds\":600}", "DPoP", token, proof, &r),
			 "proof_replayed", "invalid_dpop_proof", REPLAYED);
	cr_expect_eq(sql_int(world_db(&w), "select secret_version from m2m.client where client_id = '%s'", acme.client_id), 2);
}

#define SHOWN 40 /* proofs */

static enum shown show(struct http_conn *c, const char *shown, struct http_reply *reply)
{
	int status = token_with_proof_on(c, &acme, shown, reply);
	bool replayed = status == 400 && strstr(reply->body, REPLAYED) != NULL;
	return status == 200 ? SHOWN_GRANTED : replayed ? SHOWN_REPLAYED : SHOWN_OTHERWISE;
}

Test(dpop, proofs_in_opposite_orders_at_two_gateways_harm_nobody)
{
	static char shown[SHOWN][TOKEN_MAX];
	gateway_start(&second, &w.gateway_env);
	for (unsigned i = 0; i < SHOWN; i++)
		proof_for_token(&key, shown[i]);
	show_each_once(&w, &second, &acme, show, shown, SHOWN);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where bound_to is not null"), SHOWN);
}

struct shower {
	pthread_t id;
	enum shown said;
	struct http_conn conn;
	struct http_reply reply;
};

static void *show_one(void *arg)
{
	struct shower *s = arg;
	s->said = show(&s->conn, proof, &s->reply);
	return NULL;
}

static void *ask_first(void *arg)
{
	struct http_reply *reply = arg;
	oauth_token(w.gateway.http, acme.client_id, acme.secret, reply);
	return NULL;
}

/* A batch that waits for the table's lock lets the next one gather. */
Test(dpop, of_two_of_the_same_in_one_batch_one_gets_a_token)
{
	static struct shower two[2];
	static struct http_reply reply;
	pthread_t first;
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	gateway_stop(&w.gateway, 15000);
	gateway_start(&w.gateway, &w.gateway_env);
	cr_assert(http_open(&two[0].conn, w.gateway.http) && http_open(&two[1].conn, w.gateway.http));
	for (unsigned round = 0; round < 5; round++) {
		proof_for_token(&key, proof);
		sql_exec(world_db(&w), "begin");
		sql_exec(world_db(&w), "lock table m2m.token_audit in access exclusive mode");
		cr_assert_eq(pthread_create(&first, NULL, ask_first, &reply), 0);
		sleep_ms(150);
		for (unsigned i = 0; i < 2; i++)
			cr_assert_eq(pthread_create(&two[i].id, NULL, show_one, &two[i]), 0);
		sleep_ms(150);
		sql_exec(world_db(&w), "commit");
		pthread_join(first, NULL);
		pthread_join(two[0].id, NULL);
		pthread_join(two[1].id, NULL);
		cr_assert_eq(reply.status, 200);
		bool first_granted = two[0].said == SHOWN_GRANTED;
		cr_assert_eq(two[first_granted ? 0 : 1].said, SHOWN_GRANTED, "%s %s", two[0].reply.body, two[1].reply.body);
		cr_assert_eq(two[first_granted ? 1 : 0].said, SHOWN_REPLAYED, "%s %s", two[0].reply.body, two[1].reply.body);
	}
	cr_expect_eq(tokens(), 10);
	http_close(&two[0].conn);
	http_close(&two[1].conn);
}

/* ---- a history: proofs that thieves replay, at two gateways of which one is killed ---- */

#define THIEVES    6
#define PROOFS_MAX 100000
#define RECENT     12 /* of the proofs, that are shown once more */

/* What became of a proof, whoever showed it. */
struct fate {
	atomic_bool published;
	bool of_bearer;
	atomic_uint granted, refused, lost; /* lost: no answer came, or one that says try again */
	char *text;
};

static atomic_bool stop;
static struct fate *fates;
static atomic_uint fates_n;
static pthread_mutex_t signing = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint odd; /* answers that no history explains */

static int seconds(void)
{
	const char *set = getenv("M2M_TEST_SECONDS");
	return set != NULL ? atoi(set) : getenv("M2M_TEST_LONG") != NULL ? 60 : 3;
}

static struct fate *make_proof(bool of_bearer)
{
	char text[TOKEN_MAX];
	pthread_mutex_lock(&signing); /* one thread at a time for a key */
	unsigned n = atomic_load(&fates_n);
	struct fate *f = n < PROOFS_MAX ? &fates[n] : NULL;
	if (f != NULL) {
		struct proof p = {.method = "POST", .url = TOKEN_URL};
		if (of_bearer)
			p = (struct proof){.method = "GET", .url = DPOP_URL CLIENT_ID, .token = token};
		proof_new(&key, &p, text);
		f->of_bearer = of_bearer;
		f->text = strdup(text);
		atomic_store(&f->published, true);
		atomic_store(&fates_n, n + 1);
	}
	pthread_mutex_unlock(&signing);
	return f;
}

/* A new one, or one that somebody shows at this moment or has shown just now. */
static struct fate *pick_proof(unsigned *seed)
{
	unsigned n = atomic_load(&fates_n);
	if (n < RECENT || rand_r(seed) % 4 == 0)
		return make_proof(rand_r(seed) % 2 == 0);
	return &fates[n - 1 - rand_r(seed) % RECENT];
}

static void note_fate(struct fate *f, const struct http_reply *reply)
{
	bool replayed = strstr(reply->body, REPLAYED) != NULL;
	if (reply->status == 200)
		atomic_fetch_add(&f->granted, 1);
	else if (replayed && reply->status == (f->of_bearer ? 401 : 400))
		atomic_fetch_add(&f->refused, 1);
	else if (reply->status == 0 || reply->status == 503)
		atomic_fetch_add(&f->lost, 1);
	else
		atomic_fetch_add(&odd, 1);
}

static void *steal(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct http_reply *reply = malloc(sizeof *reply);
	while (!atomic_load(&stop)) {
		struct fate *f = pick_proof(&seed);
		uint16_t port = rand_r(&seed) % 2 == 0 ? w.gateway.http : second.http;
		if (f == NULL)
			break;
		*reply = (struct http_reply){.status = 0};
		if (f->of_bearer)
			call_with_proof(port, CLIENT_ID, NULL, "DPoP", token, f->text, reply);
		else
			token_with_proof(port, &acme, f->text, reply);
		note_fate(f, reply);
	}
	free(reply);
	return NULL;
}

static void make_history(void)
{
	pthread_t thieves[THIEVES];
	fates = calloc(PROOFS_MAX, sizeof *fates);
	cr_assert_not_null(fates);
	for (uintptr_t i = 0; i < THIEVES; i++)
		cr_assert_eq(pthread_create(&thieves[i], NULL, steal, (void *)(i + 1)), 0);
	for (int i = 0; i < seconds(); i++) {
		sleep_ms(1000);
		if (i == seconds() / 2) {
			gateway_kill(&second);
			gateway_start(&second, &w.gateway_env);
		}
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < THIEVES; i++)
		pthread_join(thieves[i], NULL);
}

Test(dpop, a_proof_that_is_replayed_at_two_gateways_at_once_is_used_once)
{
	unsigned granted[2] = {0}, refused[2] = {0}, contended = 0;
	gateway_start(&second, &w.gateway_env);
	bound_token(&w, &acme, &key, token);
	make_history();
	cr_assert_eq(atomic_load(&odd), 0);
	for (unsigned i = 0; i < atomic_load(&fates_n); i++) {
		struct fate *f = &fates[i];
		cr_assert_leq(f->granted, 1U, "a proof %s %u times", f->of_bearer ? "opened a route" : "gave a token", f->granted);
		cr_assert(f->granted == 1 || f->lost > 0 || f->refused == 0, "a proof was refused that nobody had used");
		granted[f->of_bearer] += f->granted;
		refused[f->of_bearer] += f->refused;
		contended += f->granted == 1 && f->refused > 0;
		free(f->text);
	}
	cr_log_info("%u proofs; %u gave a token, %u opened a route; %u and %u replays were refused\n", atomic_load(&fates_n), granted[0],
		    granted[1], refused[0], refused[1]);
	expect_enough(contended, 20U);
	cr_assert_geq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where bound_to is not null"), (int64_t)granted[0] + 1);
	cr_expect_eq(sql_int(world_db(&w), "select deadlocks from pg_stat_database where datname = current_database()"), 0);
	free(fates);
}

/* ---- nonces ---- */

Test(dpop, a_nonce_is_asked_for_where_the_setting_says_so)
{
	char nonce[64], next[64];
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_DPOP_NONCE=required");
	gateway_start(&w.gateway, &w.gateway_env);
	gateway_start(&second, &w.gateway_env);

	proof_for_token(&key, proof);
	expect_no_token(w.gateway.http, proof, "use_dpop_nonce", "The proof needs a nonce: the one in DPoP-Nonce (RFC 9449 section 8).");
	snprintf(nonce, sizeof nonce, "%s", header("DPoP-Nonce"));
	cr_assert_eq(strlen(nonce), 27U);
	proof_new(&key, &(struct proof){.method = "POST", .url = TOKEN_URL, .nonce = "not-one"}, proof);
	expect_no_token(w.gateway.http, proof, "use_dpop_nonce",
			"The proof's nonce isn't fresh: take the one in DPoP-Nonce (RFC 9449 section 8).");
	proof_new(&key, &(struct proof){.method = "POST", .url = TOKEN_URL, .nonce = nonce}, proof);
	expect_status(token_with_proof(second.http, &acme, proof, &r), 200); /* every gateway's */
	body_text(&r, "access_token", token, sizeof token);
	snprintf(next, sizeof next, "%s", header("DPoP-Nonce"));
	cr_expect_eq(strlen(next), 27U);

	prove(&key);
	expect_challenge(get_id("DPoP", proof), "use_dpop_nonce", "use_dpop_nonce",
			 "The proof needs a nonce: the one in DPoP-Nonce (RFC 9449 section 8).");
	snprintf(nonce, sizeof nonce, "%s", header("DPoP-Nonce"));
	proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL CLIENT_ID, .token = token, .nonce = nonce}, proof);
	expect_status(get_id("DPoP", proof), 200);
	cr_expect_eq(strlen(header("DPoP-Nonce")), 27U);
	expect_status(token_with_proof(w.gateway.http, &acme, NULL, &r), 200);
	cr_expect_str_eq(header("DPoP-Nonce"), "", "no proof was shown");
}

Test(dpop, without_the_setting_there_is_no_nonce)
{
	proof_new(&key, &(struct proof){.method = "POST", .url = TOKEN_URL, .nonce = "another-server-s"}, proof);
	expect_status(token_with_proof(w.gateway.http, &acme, proof, &r), 200);
	cr_expect_str_eq(header("DPoP-Nonce"), "");
}
