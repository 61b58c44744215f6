/* Clients with the ids that another product gave them, UUIDs and ids with `:`, `%`, `/` and `+`:
 * every kind of credential, every path of the API and every word of m2mctl takes them. Their
 * secrets are test_adoption.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/digest.h"
#include "harness/dpop.h"
#include "harness/expect_ctl.h"
#include "harness/imported.h"
#include "harness/pki.h"

SHARED_CLUSTER("");

#define FORM   "application/x-www-form-urlencoded"
#define JSON   "application/json"
#define SECRET "p:a%ss+word/1"
#define TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static const char *const ids[] = {"5f0c2c0e-6a3f-4c8e-9a53-1f1d2f1a7b11", "acct:42%2F100%+a/b", "https://app.example/c?x=1&y=%2B#z"};
#define IDS (sizeof ids / sizeof *ids)

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX], platform[TOKEN_MAX], assertion[TOKEN_MAX], proof[TOKEN_MAX], token[TOKEN_MAX];
static struct http_reply reply;
static struct ctl_result r;

/* As expect.h has it, of `reply`: `r` is m2mctl's. */
#define expect_answer(call, want)                                                                                                          \
	do {                                                                                                                               \
		int got_ = (call);                                                                                                         \
		cr_assert_eq(got_, want, "%s answered %d, not %d: %s%s", #call, got_, want, reply.head, reply.body);                       \
	} while (0)

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin), KEPT(platform));

static void prepare(void)
{
	world_prepare_filled(&w, false);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(foreign_ids, .init = prepare, .fini = close_world, .timeout = 180);

/* Organizations and imported clients stand before the gateway begins. */
static void begin(void)
{
	char hash[BCRYPT_MAX];
	for (size_t i = 0; i < IDS; i++)
		import_client(&w, "acme", ids[i], bcrypt_of(SECRET, 4, hash));
	gateway_start(&w.gateway, &w.gateway_env);
}

static struct org org_of(const char *client_id)
{
	struct org o = acme;
	snprintf(o.client_id, sizeof o.client_id, "%s", client_id);
	snprintf(o.secret, sizeof o.secret, "%s", SECRET);
	return o;
}

static const char *said(const char *member)
{
	static char text[TOKEN_MAX];
	return body_text(&reply, member, text, sizeof text);
}

static void take_token(const char *client_id)
{
	char claim[256];
	snprintf(token, sizeof token, "%s", said("access_token"));
	cr_expect_str_eq(claim_text(token, "client_id", claim, sizeof claim), client_id);
	cr_expect_str_eq(claim_text(token, "sub", claim, sizeof claim), client_id);
}

/* Of the client's youngest token. */
static const char *row(const char *columns, const char *client_id)
{
	return sql_text(world_db(&w), "select %s from m2m.tokens_issued where client_id = '%s' order by issued_at desc limit 1", columns,
			client_id);
}

/* ---- credentials of each kind ---- */

static void assert_id(const char *iss, const char *sub, const struct client_key_pair *k)
{
	char claims[1024];
	static unsigned n;
	snprintf(claims, sizeof claims, "{\"iss\":\"%s\",\"sub\":\"%s\",\"aud\":\"https://issuer.test\",\"exp\":%lld,\"jti\":\"jti-%u\"}",
		 iss, sub, (long long)time(NULL) + 60, n++);
	client_assertion_sign(k, claims, assertion);
}

Test(foreign_ids, an_assertion_names_such_a_client)
{
	struct client_key_pair key;
	char id[ENCODED_MAX], more[ENCODED_MAX + 32];
	begin();
	client_key_make(&key, JWT_ES256);
	for (size_t i = 0; i < IDS; i++) {
		struct org o = org_of(ids[i]);
		assert_id(ids[i], ids[i], &key);
		expect_answer(assertion_token(w.gateway.http, assertion, "", &reply), 401);
		client_key_add(&w, &o, &key);
		client_assertion_new(ids[i], &key, 60, assertion);
		snprintf(more, sizeof more, "&client_id=%s", percent_encoded(ids[i], id));
		expect_answer(assertion_token(w.gateway.http, assertion, more, &reply), 200);
		take_token(ids[i]);
		cr_expect_str_eq(row("auth_method", ids[i]), "private_key_jwt");
		expect_answer(get(&w, "/m2m/client-id", token, &reply), 200);
		expect_answer(assertion_token(w.gateway.http, assertion, "", &reply), 401);
		assert_id(ids[i], ids[(i + 1) % IDS], &key);
		expect_answer(assertion_token(w.gateway.http, assertion, "", &reply), 401);
		cr_expect_eq(unadopted(&w, ids[i]), 1, "no secret was shown");
	}
	signing_key_free(key.key);
}

/* The assertion's sub is decoded as JSON is, not as a form. */
Test(foreign_ids, an_assertion_s_subject_is_no_encoded_id)
{
	struct client_key_pair key;
	char id[ENCODED_MAX];
	begin();
	client_key_make(&key, JWT_ES256);
	struct org o = org_of(ids[1]);
	client_key_add(&w, &o, &key);
	percent_encoded(ids[1], id);
	assert_id(id, id, &key);
	expect_answer(assertion_token(w.gateway.http, assertion, "", &reply), 401);
	assert_id("acct:42\\u00252F100%\\u002ba\\/b", ids[1], &key);
	expect_answer(assertion_token(w.gateway.http, assertion, "", &reply), 200);
	take_token(ids[1]);
	signing_key_free(key.key);
}

static int token_with_proof_of(const char *client_id)
{
	char id[ENCODED_MAX], word[ENCODED_MAX], form[3 * ENCODED_MAX], line[TOKEN_MAX + 16];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", percent_encoded(client_id, id),
		 percent_encoded(SECRET, word));
	snprintf(line, sizeof line, "DPoP: %s\r\n", proof);
	return http_call(w.gateway.http, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form, .headers = line},
			 &reply);
}

Test(foreign_ids, such_a_client_s_first_token_is_bound_to_its_proof)
{
	struct client_key_pair key;
	begin();
	client_key_make(&key, JWT_ES256);
	for (size_t i = 0; i < IDS; i++) {
		proof_for_token(&key, proof);
		expect_answer(token_with_proof_of(ids[i]), 200);
		cr_expect_str_eq(said("token_type"), "DPoP");
		take_token(ids[i]);
		cr_expect_eq(unadopted(&w, ids[i]), 0);
		expect_answer(token_with_proof_of(ids[i]), 400); /* the proof was used for the first token */
		proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL "/m2m/client-id", .token = token}, proof);
		expect_answer(call_with_proof(w.gateway.http, "/m2m/client-id", NULL, "DPoP", token, proof, &reply), 200);
		expect_answer(get(&w, "/m2m/client-id", token, &reply), 401);
	}
	signing_key_free(key.key);
}

Test(foreign_ids, such_a_client_shows_a_certificate)
{
	struct identity server, one, other;
	char id[ENCODED_MAX], form[ENCODED_MAX + 64], x5t[64];
	cr_assert_eq(crypto_init(), ERR_OK);
	pki_self_signed(&server, "/CN=gateway");
	pki_self_signed(&one, "/CN=one");
	pki_self_signed(&other, "/CN=other");
	chmod(server.key, 0600);
	env_set(&w.gateway_env, "M2M_TLS_CERT_FILE=%s", server.crt);
	env_set(&w.gateway_env, "M2M_TLS_KEY_FILE=%s", server.key);
	env_set(&w.gateway_env, "M2M_PLAINTEXT=ops");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CERTS=request");
	begin();
	for (size_t i = 0; i < IDS; i++) {
		snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s", percent_encoded(ids[i], id));
		expect_answer(curl_form(w.gateway.http, "/oauth2/token", &one, NULL, form, &reply), 401);
		expect_exit(0, "client", "certificate", "add", "--client", ids[i], "--file", one.crt);
		expect_answer(curl_form(w.gateway.http, "/oauth2/token", &one, NULL, form, &reply), 200);
		take_token(ids[i]);
		cr_expect_str_eq(row("auth_method", ids[i]), "self_signed_tls_client_auth");
		cr_expect_str_eq(row("bound_to", ids[i]), pki_thumbprint(&one, x5t));
		expect_answer(curl_form(w.gateway.http, "/oauth2/token", &other, NULL, form, &reply), 401);
	}
}

/* IssueTokenRequest.client_assertion is 7, its type 8. */
static int assertion_by_grpc(struct grpc_reply *answer)
{
	static struct pb m;
	m.n = 0;
	pb_put_text(&m, 1, "client_credentials");
	pb_put_text(&m, 7, assertion);
	pb_put_text(&m, 8, TYPE);
	return grpc_call(w.gateway.grpc, &(struct grpc_request){.path = GRPC_TOKEN, .bearer = admin, .message = &m}, answer);
}

Test(foreign_ids, grpc_takes_their_assertions_and_secrets)
{
	static struct grpc_reply answer;
	struct client_key_pair key;
	begin();
	client_key_make(&key, JWT_EDDSA);
	for (size_t i = 0; i < IDS; i++) {
		struct org o = org_of(ids[i]);
		client_key_add(&w, &o, &key);
		client_assertion_new(ids[i], &key, 60, assertion);
		cr_expect_eq(assertion_by_grpc(&answer), 0, "%s", ids[i]);
		cr_expect_eq(assertion_by_grpc(&answer), 16, "%s", ids[i]);
		cr_expect_eq(grpc_token(&w, admin, ids[i], "p%3Aa%25ss%2Bword%2F1", NULL, &answer), 16, "no form's escapes");
		cr_expect_eq(grpc_token(&w, admin, ids[i], SECRET, NULL, &answer), 0);
		cr_expect_eq(unadopted(&w, ids[i]), 0);
		cr_expect_eq(
			sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '%s' and transport = 'g'", ids[i]),
			2);
	}
	signing_key_free(key.key);
}

/* ---- paths ---- */

static int call(const char *method, const char *client_id, const char *rest, const char *body)
{
	char id[ENCODED_MAX], path[ENCODED_MAX + 256];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s%s", percent_encoded(client_id, id), rest);
	return http_call(w.gateway.http,
			 &(struct http_request){.method = method, .path = path, .bearer = platform, .type = JSON, .body = body}, &reply);
}

Test(foreign_ids, every_path_of_a_client_takes_them_percent_encoded)
{
	char credential[256], path[ENCODED_MAX + 8], escaped[ENCODED_MAX];
	begin();
	for (size_t i = 0; i < IDS; i++) {
		expect_answer(call("GET", ids[i], "", NULL), 200);
		cr_expect_str_eq(said("client_id"), ids[i]);
		expect_answer(call("PATCH", ids[i], "", "{\"name\":\"moved\",\"token_lifetime\":900}"), 200);
		cr_expect_str_eq(said("client_id"), ids[i]);
		expect_answer(call("GET", ids[i], "/secret", NULL), 409);
		expect_answer(call("POST", ids[i], "/rotate", "{\"grace_seconds\":600}"), 200);
		cr_expect_str_eq(said("client_id"), ids[i]);
		expect_answer(call("GET", ids[i], "/secret", NULL), 200);
		expect_answer(call("GET", ids[i], "/rotation", NULL), 200);
		expect_answer(call("PATCH", ids[i], "/rotation", "{\"grace_seconds\":3600}"), 200);
		expect_answer(call("DELETE", ids[i], "/rotation", NULL), 200);
		expect_answer(call("POST", ids[i], "/credentials",
				   "{\"kind\":\"certificate\",\"tls_client_auth_san_uri\":\"spiffe://example.org/a%2Fb\"}"),
			      201);
		snprintf(credential, sizeof credential, "%s", said("credential_id"));
		expect_answer(call("GET", ids[i], "/credentials", NULL), 200);
		snprintf(path, sizeof path, "/credentials/%s", percent_encoded(credential, escaped));
		expect_answer(call("GET", ids[i], path, NULL), 200);
		cr_expect_str_eq(said("credential_id"), credential);
		expect_answer(call("DELETE", ids[i], path, NULL), 204);
		expect_answer(call("DELETE", ids[i], "", NULL), 204);
		expect_answer(call("GET", ids[i], "", NULL), 404);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(distinct client_id) from m2m.admin_audit where action = 'delete_client'"), IDS);
}

/* An id that isn't escaped is another path, or another id. */
Test(foreign_ids, a_path_decodes_once)
{
	begin();
	expect_answer(get(&w, "/admin/organizations/acme/clients/acct:42%2F100%25+a%2Fb", platform, &reply), 404);
	expect_answer(get(&w, "/admin/organizations/acme/clients/acct:42%252F100%25+a/b", platform, &reply), 404);
	expect_answer(get(&w, "/admin/organizations/acme/clients/acct:42%252F100%25+a%2Fb", platform, &reply), 200);
	cr_expect_str_eq(said("client_id"), ids[1]);
}

Test(foreign_ids, searches_and_the_log_have_them_as_they_are)
{
	char id[ENCODED_MAX], path[ENCODED_MAX + 64], logged[256];
	begin();
	for (size_t i = 0; i < IDS; i++) {
		char form[3 * ENCODED_MAX], word[ENCODED_MAX];
		snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", percent_encoded(ids[i], id),
			 percent_encoded(SECRET, word));
		expect_answer(
			http_call(w.gateway.http, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form}, &reply),
			200);
		snprintf(path, sizeof path, "/m2m/audit/tokens?client_id=%s", id);
		expect_answer(get(&w, path, admin, &reply), 200);
		snprintf(logged, sizeof logged, "\"client_id\":\"%s\"", ids[i]);
		cr_expect_not_null(strstr(reply.body, logged), "%s", reply.body);
		for (size_t other = 0; other < IDS; other++)
			cr_expect(other == i || !says(reply.body, ids[other]), "%s", reply.body);
		cr_expect_gt(gateway_log_wait(&w.gateway, logged, 1, NULL, 0), 0);
	}
}

/* ---- m2mctl ---- */

#define AGREES(...)                                                                                                                        \
	do {                                                                                                                               \
		expect_exit(0, __VA_ARGS__, "--output", "json");                                                                           \
		cr_expect(says(r.out, id), "%s: %s", #__VA_ARGS__, r.out);                                                                 \
	} while (0)

static void words_about_secrets(const char *id)
{
	AGREES("client", "show", id);
	expect_exit(0, "client", "versions", id);
	expect_refusal(1, "rotate it", "client", "secret", id);
	AGREES("client", "rotate", id, "--grace", "600");
	AGREES("client", "secret", id);
	expect_exit(0, "client", "secret", id, "--output", "env");
	char value[256];
	ctl_value(&r, "M2M_CLIENT_ID", value, sizeof value);
	cr_expect(says(value, id), "%s", value);
	expect_exit(0, "client", "rotation", id, "--prolong", "2h");
	expect_exit(0, "client", "rotation", id, "--cancel");
	AGREES("client", "revoke-tokens", id, "--all");
}

static void words_about_the_client(const char *id)
{
	AGREES("client", "set", id, "--name", "moved", "--lifetime", "900", "--token-binding", "dpop");
	AGREES("client", "default", id, "--org", "acme");
	AGREES("client", "show", "--org", "acme");
	expect_exit(0, "client", "default", acme.client_id);
	AGREES("client", "disable", id);
	AGREES("client", "enable", id);
	AGREES("client", "list", "--org", "acme");
}

static void words_about_credentials(const char *id)
{
	expect_exit(0, "client", "certificate", "add", "--client", id, "--san-uri", "spiffe://example.org/a%2Fb");
	expect_exit(0, "client", "certificate", "list", "--client", id);
	cr_expect(says(r.out, "spiffe://example.org/a%2Fb"), "%s", r.out);
	expect_exit(0, "client", "certificate", "remove", "tls_client_auth_san_uri:spiffe://example.org/a%2Fb", "--client", id);
	expect_exit(0, "client", "workload", "add", "--client", id, "--github", "acme/shop:production");
	expect_exit(0, "client", "workload", "list", "--client", id);
	expect_exit(0, "client", "key", "list", "--client", id);
}

Test(foreign_ids, every_word_of_m2mctl_takes_them)
{
	begin();
	for (size_t i = 0; i < IDS; i++) {
		const char *id = ids[i];
		words_about_secrets(id);
		words_about_the_client(id);
		words_about_credentials(id);
		AGREES("audit", "report", "clients_never_used", "--client", id);
		AGREES("client", "delete", id, "--org", "acme", "--yes");
		expect_exit(4, "client", "show", id);
		cr_expect_gt(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where client_id = '%s'", id), 7);
	}
}

Test(foreign_ids, m2mctl_finds_their_tokens)
{
	begin();
	for (size_t i = 0; i < IDS; i++) {
		const char *id = ids[i];
		static struct grpc_reply answer;
		cr_assert_eq(grpc_token(&w, admin, id, SECRET, NULL, &answer), 0);
		AGREES("audit", "tokens", "--client", id);
		for (size_t other = 0; other < IDS; other++)
			cr_expect(other == i || !says(r.out, ids[other]), "%s", r.out);
		AGREES("audit", "report", "client_last_use", "--client", id);
		AGREES("audit", "report", "tokens_by_auth_method", "--client", id);
	}
}
