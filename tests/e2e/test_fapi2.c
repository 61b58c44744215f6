/* FAPI 2.0 Security Profile: what the modules of the OpenID conformance suite send and expect,
 * against the running daemon. tests/fapi2.md has the table of the modules; a test that reproduces
 * one is named after it. The suites are one for clients of the profile, one for an installation of
 * it, and one for the plan's variants, which speaks TLS. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/dpop.h"
#include "crypto/signing_key_parts.h"
#include "harness/client_key.h"
#include "harness/dpop.h"
#include "harness/expect.h"
#include "harness/pki.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define FORM   "application/x-www-form-urlencoded"
#define TYPE   "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define ISSUER "https://issuer.test"

static struct world w;
static struct org acme, other;
static struct client_key_pair key, rsa, others_key;
static char assertion[TOKEN_MAX];
static struct http_reply r;
static struct ctl_result ran;

static void make_orgs(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
}

WORLD_FILLED(make_orgs, KEPT(acme), KEPT(other));

static void people(void)
{
	client_key_make(&key, JWT_ES256);
	client_key_make(&rsa, JWT_RS256);
	client_key_make(&others_key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	client_key_add(&w, &acme, &rsa);
	client_key_add(&w, &other, &others_key);
}

static void open_world(void)
{
	world_open_filled(&w);
	people();
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "key", "--token-binding", "any", "--profile", "fapi2");
}

/* Every client is held to it, whatever it is set to. */
static void open_installation(void)
{
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_PROFILE=fapi2");
	gateway_start(&w.gateway, &w.gateway_env);
	people();
}

/* A client that may show a key or a certificate, and what it holds. */
struct party {
	struct org *org;
	struct client_key_pair *key;
	struct identity certificate;
	char token[TOKEN_MAX];
};

static struct party first = {.org = &acme, .key = &key}, second = {.org = &other, .key = &others_key};

static void certify(struct party *p, const struct identity *authority, const char *name)
{
	char names[64];
	snprintf(names, sizeof names, "DNS:%s", name);
	pki_issue(&p->certificate, authority, "/CN=x", names, 1);
	world_ctl(&w, &ran, "client", "certificate", "add", "--client", p->org->client_id, "--san-dns", name);
	world_ctl(&w, &ran, "client", "set", "--org", p->org->slug, "--auth-method", "key", "--auth-method", "certificate",
		  "--token-binding", "any", "--profile", "fapi2");
}

/* The operator's listener is in the clear, for the harness. */
static void open_variants(void)
{
	struct identity server, authority;
	world_prepare_filled(&w, false);
	pki_self_signed(&server, "/CN=gateway");
	pki_self_signed(&authority, "/CN=clients authority");
	chmod(server.key, 0600);
	env_set(&w.gateway_env, "M2M_TLS_CERT_FILE=%s", server.crt);
	env_set(&w.gateway_env, "M2M_TLS_KEY_FILE=%s", server.key);
	env_set(&w.gateway_env, "M2M_PLAINTEXT=ops");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CERTS=request");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CA_FILE=%s", authority.crt);
	gateway_start(&w.gateway, &w.gateway_env);
	people();
	certify(&first, &authority, "first.example");
	certify(&second, &authority, "second.example");
}

static void close_world(void)
{
	signing_key_free(key.key);
	signing_key_free(rsa.key);
	signing_key_free(others_key.key);
	world_close(&w);
}

TestSuite(fapi2, .init = open_world, .fini = close_world, .timeout = 120);
TestSuite(fapi2_installation, .init = open_installation, .fini = close_world, .timeout = 120);
TestSuite(fapi2_variants, .init = open_variants, .fini = close_world, .timeout = 240);

/* ---- what the suite does with each answer ---- */

/* RFC 6749 section 5.2: JSON, a status that fits, and an error_description of its alphabet. */
static void expect_error(int status, int want, const char *error)
{
	char type[64], said[512];
	cr_assert_eq(status, want, "%d: %s", status, r.body);
	cr_expect(is_oauth_error(&r, error), "%s: %s", error, r.body);
	cr_expect(strncmp(http_header(&r, "Content-Type", type, sizeof type), "application/json", 16) == 0, "%s", type);
	for (const char *c = body_text(&r, "error_description", said, sizeof said); *c != '\0'; c++)
		cr_expect(*c >= 0x20 && *c <= 0x7e && *c != '"' && *c != '\\', "%s", said);
}

static void expect_says(const char *part)
{
	cr_expect(strstr(r.body, part) != NULL, "%s: %s", part, r.body);
}

static int ask(const char *more)
{
	return assertion_token(w.gateway.http, assertion, more, &r);
}

/* `sub` and `aud` are whole members, with a comma behind each, or "". */
static void assert_with(const struct client_key_pair *k, const char *sub, const char *aud, int seconds)
{
	static unsigned n;
	char claims[1024];
	snprintf(claims, sizeof claims, "{\"iss\":\"%s\",%s%s\"exp\":%lld,\"iat\":%lld,\"jti\":\"fapi2-%u-%lld\"}", acme.client_id, sub,
		 aud, (long long)time(NULL) + seconds, (long long)time(NULL) - 400, n++, (long long)time(NULL));
	client_assertion_sign(k, claims, assertion);
}

static const char *sub(void)
{
	static char member[64];
	snprintf(member, sizeof member, "\"sub\":\"%s\",", acme.client_id);
	return member;
}

static int64_t tokens(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit");
}

/* ---- private_key_jwt ---- */

Test(fapi2, ensure_client_assertion_with_wrong_aud_fails)
{
	assert_with(&key, sub(), "\"aud\":\"https://other.example\",", 60);
	expect_error(ask(""), 401, "invalid_client");
	expect_says("aud must be the issuer identifier");
}

/* The suite asks this at the endpoint of pushed requests, which a client credentials grant
 * lacks. */
Test(fapi2, ensure_an_aud_is_the_issuer_as_a_string)
{
	static const char *const auds[] = {"\"aud\":[\"" ISSUER "\"],", "\"aud\":\"" ISSUER "/oauth2/token\",",
					   "\"aud\":[\"" ISSUER "\",\"" ISSUER "/oauth2/token\"],"};
	for (size_t i = 0; i < sizeof auds / sizeof *auds; i++) {
		assert_with(&key, sub(), auds[i], 60);
		expect_error(ask(""), 401, "invalid_client");
		expect_says("aud must be");
	}
}

Test(fapi2, ensure_client_assertion_with_no_sub_fails)
{
	assert_with(&key, "", "\"aud\":\"" ISSUER "\",", 60);
	expect_error(ask(""), 401, "invalid_client");
	expect_says("iss and sub");
}

Test(fapi2, ensure_client_assertion_with_exp_is_5_minutes_in_past_fails)
{
	assert_with(&key, sub(), "\"aud\":\"" ISSUER "\",", -300);
	expect_error(ask(""), 401, "invalid_client");
	expect_says("has expired");
}

Test(fapi2, ensure_signed_client_assertion_with_rs256_fails)
{
	client_assertion_new(acme.client_id, &rsa, 60, assertion);
	expect_error(ask(""), 401, "invalid_client");
	expect_says("alg must be PS256, ES256 or EdDSA");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.used_once"), 0);
}

/* The same is taken of a client without the profile, which shows that the profile refuses it. */
Test(fapi2, rs256_is_another_client_s)
{
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--profile", "none", "--token-binding", "none");
	client_assertion_new(acme.client_id, &rsa, 60, assertion);
	expect_status(ask(""), 200);
	assert_with(&key, sub(), "\"aud\":[\"" ISSUER "\"],", 60);
	expect_status(ask(""), 200);
}

Test(fapi2, ensure_client_assertion_in_token_endpoint)
{
	char form[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s", acme.client_id);
	expect_error(post_form(&w, "/oauth2/token", NULL, form, &r), 401, "invalid_client");
}

/* The second client's id and an assertion of it, which the first client's key has signed. */
Test(fapi2, ensure_client_id_in_token_endpoint)
{
	char more[64];
	client_assertion_new(other.client_id, &key, 60, assertion);
	snprintf(more, sizeof more, "&client_id=%s", other.client_id);
	expect_error(ask(more), 401, "invalid_client");
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_error(ask(more), 401, "invalid_client");
}

/* ---- holder of key ---- */

Test(fapi2, ensure_holder_of_key_required)
{
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_error(ask(""), 400, "invalid_request");
	expect_says("must be bound");
	cr_expect_eq(tokens(), 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.used_once"), 0, "it may come again with a proof");
}

/* ---- the variants ---- */

struct variant {
	const char *binding; /* sender_constrain, as the client is set to */
	bool mtls;           /* client_auth_type, else private_key_jwt */
};

static const struct variant variants[] = {{"dpop", false}, {"certificate", false}, {"certificate", true}, {"dpop", true}};

#define VARIANTS   (sizeof variants / sizeof *variants)
#define RESOURCE   "/m2m/client-id"
#define TOKEN_PATH "/oauth2/token"

static bool by_proof(const struct variant *v)
{
	return strcmp(v->binding, "dpop") == 0;
}

static void choose(const struct variant *v)
{
	const struct party *const both[] = {&first, &second};
	for (size_t i = 0; i < 2; i++)
		world_ctl(&w, &ran, "client", "set", "--org", both[i]->org->slug, "--token-binding", v->binding);
}

static const struct identity *certificate_of(const struct variant *v, const struct party *p)
{
	return p != NULL && (v->mtls || !by_proof(v)) ? &p->certificate : NULL;
}

/* The client's request for a token; `proof` and `shown` may be NULL. */
static int request_token(const struct variant *v, const struct party *p, const char *proof, const struct identity *shown)
{
	char form[TOKEN_MAX + 512], line[TOKEN_MAX + 16];
	const char *const lines[] = {proof == NULL ? NULL : line, NULL};
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s", p->org->client_id);
	if (!v->mtls) {
		client_assertion_new(p->org->client_id, p->key, 60, assertion);
		snprintf(form + n, sizeof form - (size_t)n, "&client_assertion_type=" TYPE "&client_assertion=%s", assertion);
	}
	snprintf(line, sizeof line, "DPoP: %s", proof == NULL ? "" : proof);
	return curl_lines(w.gateway.http, TOKEN_PATH, shown, lines, form, &r);
}

/* What every module checks of a token. */
static void take_token(const struct variant *v, struct party *p)
{
	char text[64];
	body_text(&r, "access_token", p->token, sizeof p->token);
	cr_expect_neq(p->token[0], '\0', "%s", r.body);
	cr_expect_str_eq(body_text(&r, "token_type", text, sizeof text), by_proof(v) ? "DPoP" : "Bearer");
	cr_expect_gt(body_int(&r, "expires_in"), 0);
	cr_expect(strncmp(http_header(&r, "Content-Type", text, sizeof text), "application/json", 16) == 0, "%s", text);
	cr_expect_not_null(strstr(http_header(&r, "Cache-Control", text, sizeof text), "no-store"), "%s", r.head);
}

/* A token by the rules; `form` says what its proof has besides. */
static void get_token(const struct variant *v, struct party *p, struct proof form)
{
	char proof[TOKEN_MAX];
	form.method = "POST";
	form.url = DPOP_URL TOKEN_PATH;
	if (by_proof(v))
		proof_new(p->key, &form, proof);
	expect_status(request_token(v, p, by_proof(v) ? proof : NULL, certificate_of(v, p)), 200);
	take_token(v, p);
}

/* The owner's token at the resource, with the proof or certificate of `holder`, or NULL. */
static int use_token(const struct variant *v, const struct party *owner, const char *scheme, const struct party *holder, struct proof form)
{
	char authorization[TOKEN_MAX + 32], line[TOKEN_MAX + 16] = "DPoP: ";
	const bool proves = holder != NULL && by_proof(v);
	const char *const lines[] = {authorization, proves ? line : NULL, NULL};
	char proof[TOKEN_MAX];
	form.method = "GET";
	form.url = DPOP_URL RESOURCE;
	form.token = owner->token;
	if (proves) {
		proof_new(holder->key, &form, proof);
		snprintf(line, sizeof line, "DPoP: %s", proof);
	}
	snprintf(authorization, sizeof authorization, "Authorization: %s %s", scheme, owner->token);
	return curl_lines(w.gateway.http, RESOURCE, certificate_of(v, holder), lines, NULL, &r);
}

static const char *scheme_of(const struct variant *v)
{
	return by_proof(v) ? "DPoP" : "Bearer";
}

#define PLAIN ((struct proof){.age = 0})

Test(fapi2_variants, happy_flow)
{
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		choose(v);
		get_token(v, &first, PLAIN);
		expect_status(use_token(v, &first, scheme_of(v), &first, PLAIN), 200);
		get_token(v, &second, PLAIN);
		expect_status(use_token(v, &second, scheme_of(v), &second, PLAIN), 200);
		expect_status(use_token(v, &second, scheme_of(v), &first, PLAIN), 401);
		cr_expect(is_problem(&r, "invalid_token"), "%s", r.body);
	}
}

/* Both are there: the client's setting says which one counts. */
Test(fapi2_variants, of_a_proof_and_a_certificate_the_one_binds_that_the_client_is_set_to)
{
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		char made[TOKEN_MAX];
		choose(v);
		proof_new(first.key, &(struct proof){.method = "POST", .url = DPOP_URL TOKEN_PATH}, made);
		expect_status(request_token(v, &first, made, &first.certificate), 200);
		take_token(v, &first);
		expect_status(use_token(v, &first, scheme_of(v), &first, PLAIN), 200);
	}
}

/* The one that authenticates with its certificate shows it all the same where a proof is to bind
 * the token. */
Test(fapi2_variants, ensure_holder_of_key_required)
{
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		const bool unknown = v->mtls && !by_proof(v);
		choose(v);
		expect_error(request_token(v, &first, NULL, by_proof(v) ? certificate_of(v, &first) : NULL), unknown ? 401 : 400,
			     unknown ? "invalid_client" : "invalid_request");
	}
	cr_expect_eq(tokens(), 0);
}

Test(fapi2_variants, a_bound_token_is_nothing_without_what_it_is_bound_to)
{
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		choose(v);
		get_token(v, &first, PLAIN);
		expect_status(use_token(v, &first, "DPoP", NULL, PLAIN), 401);
		expect_status(use_token(v, &first, "Bearer", NULL, PLAIN), 401);
		expect_status(use_token(v, &first, by_proof(v) ? "Bearer" : "DPoP", &first, PLAIN), 401);
		expect_status(use_token(v, &first, scheme_of(v), &second, PLAIN), 401);
		expect_status(use_token(v, &first, scheme_of(v), &first, PLAIN), 200);
	}
}

/* The second client's id, and the first one's certificate or key. */
Test(fapi2_variants, ensure_client_id_in_token_endpoint)
{
	const struct party mixed = {.org = &other, .key = &key};
	char proof[TOKEN_MAX];
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		choose(v);
		proof_for_token(&key, proof);
		expect_error(request_token(v, &mixed, by_proof(v) ? proof : NULL, certificate_of(v, &first)), 401, "invalid_client");
	}
	cr_expect_eq(tokens(), 0);
}

Test(fapi2_variants, access_token_type_header_case_sensitivity)
{
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		choose(v);
		get_token(v, &first, PLAIN);
		expect_status(use_token(v, &first, by_proof(v) ? "dPOP" : "bEARER", &first, PLAIN), 200);
		expect_status(use_token(v, &first, by_proof(v) ? "dpop" : "bearer", &first, PLAIN), 200);
	}
}

/* Such proofs at both endpoints, by both ways to authenticate. */
static void expect_taken(struct proof form)
{
	for (const struct variant *v = variants; v < variants + VARIANTS; v++) {
		if (!by_proof(v))
			continue;
		choose(v);
		get_token(v, &first, form);
		expect_status(use_token(v, &first, "DPoP", &first, form), 200);
	}
}

Test(fapi2_variants, check_dpop_proof_nbf_exp)
{
	char more[96];
	snprintf(more, sizeof more, ",\"nbf\":%lld,\"exp\":%lld", (long long)time(NULL), (long long)time(NULL) + 300);
	expect_taken((struct proof){.more = more});
}

Test(fapi2_variants, ensure_dpopproof_with_iat_10seconds_before_succeeds)
{
	expect_taken((struct proof){.age = 10});
}

Test(fapi2_variants, ensure_dpopproof_with_iat_10seconds_after_succeeds)
{
	expect_taken((struct proof){.age = -10});
}

Test(fapi2_variants, discovery_end_point_verification)
{
	expect_status(curl_form(w.gateway.http, "/.well-known/oauth-authorization-server", NULL, NULL, NULL, &r), 200);
	expect_says("\"private_key_jwt\",\"tls_client_auth\"");
	expect_says("\"dpop_signing_alg_values_supported\":[");
	expect_says("\"tls_client_certificate_bound_access_tokens\":true");
}

/* ---- proofs at the resource ---- */

static char token[TOKEN_MAX], proof[TOKEN_MAX];

/* For the token endpoint, with a proof. */
static int ask_with(const char *made)
{
	char form[TOKEN_MAX + 512], line[TOKEN_MAX + 16];
	client_assertion_new(acme.client_id, &key, 60, assertion);
	snprintf(form, sizeof form, "grant_type=client_credentials&client_assertion_type=" TYPE "&client_assertion=%s", assertion);
	snprintf(line, sizeof line, "DPoP: %s\r\n", made);
	return http_call(w.gateway.http, &(struct http_request){.path = TOKEN_PATH, .type = FORM, .body = form, .headers = line}, &r);
}

static void bind_token(const struct client_key_pair *k)
{
	proof_for_token(k, proof);
	expect_status(ask_with(proof), 200);
	body_text(&r, "access_token", token, sizeof token);
}

static int show(const char *made)
{
	return call_with_proof(w.gateway.http, RESOURCE, NULL, "DPoP", token, made, &r);
}

static int show_as(struct proof form)
{
	form.method = "GET";
	form.url = DPOP_URL RESOURCE;
	if (form.token == NULL)
		form.token = token;
	proof_new(&key, &form, proof);
	return show(proof);
}

/* With header lines of their own. */
static int show_lines(const char *lines)
{
	char headers[4 * TOKEN_MAX];
	snprintf(headers, sizeof headers, "Authorization: DPoP %s\r\n%s", token, lines);
	return http_call(w.gateway.http, &(struct http_request){.path = RESOURCE, .headers = headers}, &r);
}

/* A right proof, of which one member is another; NULL leaves it out. */
struct change {
	const char *member, *value;
};

static void put_member(char *out, size_t cap, const char *name, const char *value, const struct change *c)
{
	if (strcmp(name, c->member) == 0)
		value = c->value;
	if (value != NULL)
		snprintf(out + strlen(out), cap - strlen(out), "%s\"%s\":%s", out[1] == '\0' ? "" : ",", name, value);
}

static void craft(const struct client_key_pair *k, const char *alg, const struct change *c, char out[TOKEN_MAX])
{
	static unsigned n;
	char header[3072] = "{", claims[1024] = "{", iat[32], jti[48], ath[64] = "\"";
	snprintf(iat, sizeof iat, "%lld", (long long)time(NULL));
	snprintf(jti, sizeof jti, "\"crafted-%u-%s\"", n++, iat);
	cr_assert_eq(dpop_ath(str_of(token), ath + 1), ERR_OK);
	strcat(ath, "\"");
	put_member(header, sizeof header, "typ", "\"dpop+jwt\"", c);
	put_member(header, sizeof header, "alg", alg, c);
	put_member(header, sizeof header, "jwk", k->jwk, c);
	put_member(header, sizeof header, "unknown_header", NULL, c);
	put_member(claims, sizeof claims, "jti", jti, c);
	put_member(claims, sizeof claims, "htm", "\"GET\"", c);
	put_member(claims, sizeof claims, "htu", "\"" DPOP_URL RESOURCE "\"", c);
	put_member(claims, sizeof claims, "iat", iat, c);
	put_member(claims, sizeof claims, "ath", ath, c);
	put_member(claims, sizeof claims, "unknown_claim", NULL, c);
	strcat(header, "}");
	strcat(claims, "}");
	proof_sign(k, header, claims, out);
}

static int show_changed(const struct change *c)
{
	craft(&key, "\"ES256\"", c, proof);
	return show(proof);
}

static const struct change refused[] = {
	{"typ", NULL},
	{"alg", NULL},
	{"jwk", NULL},
	{"jti", NULL},
	{"htm", NULL},
	{"htu", NULL},
	{"iat", NULL},
	{"ath", NULL},
	{"typ", "\"JWT\""},
	{"alg", "\"none\""},
	{"alg", "\"HS256\""},
	{"htm", "\"PUT\""},
	{"htu", "\"https://other.test" RESOURCE "\""},
	{"htu", "\"" DPOP_URL "/m2m/client-secret\""},
	{"ath", "\"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo\""},
};

static const struct change taken[] = {
	{"none of them", NULL},
	{"htu", "\"" DPOP_URL RESOURCE "?a=b#c\""},
	{"htu", "\"HTTPS://ISSUER.TEST" RESOURCE "\""},
	{"htu", "\"" DPOP_URL ":443" RESOURCE "\""},
	{"unknown_header", "\"x\""},
	{"unknown_claim", "\"x\""},
};

Test(fapi2, dpop_negative_tests_of_members)
{
	bind_token(&key);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		int status = show_changed(&refused[i]);
		cr_expect_eq(status, 401, "%s %s: %d", refused[i].member, refused[i].value, status);
		cr_expect(is_problem(&r, "invalid_dpop_proof"), "%s: %s", refused[i].member, r.body);
	}
	for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
		int status = show_changed(&taken[i]);
		cr_expect_eq(status, 200, "%s %s: %d %s", taken[i].member, taken[i].value, status, r.body);
	}
}

/* The request has a query, the proof's htu none. */
Test(fapi2, dpop_negative_tests_of_the_requests_query)
{
	bind_token(&key);
	craft(&key, "\"ES256\"", &taken[0], proof);
	expect_status(call_with_proof(w.gateway.http, RESOURCE "?a=b", NULL, "DPoP", token, proof, &r), 200);
}

Test(fapi2, dpop_negative_tests_of_the_field)
{
	char lines[3 * TOKEN_MAX], another[TOKEN_MAX];
	bind_token(&key);
	craft(&key, "\"ES256\"", &taken[0], proof);
	craft(&key, "\"ES256\"", &taken[0], another);
	snprintf(lines, sizeof lines, "DPoP: %s\r\nDPoP: %s\r\n", proof, another);
	int status = show_lines(lines);
	cr_expect(status == 400 || status == 401, "%d", status);
	snprintf(lines, sizeof lines, "DPOP: %s\r\n", proof);
	expect_status(show_lines(lines), 200);
	expect_status(show("not-a-jwt"), 401);
	*strrchr(another, '.') = '\0';
	expect_status(show(another), 401);
	expect_status(show(NULL), 401);
	expect_status(call_with_proof(w.gateway.http, RESOURCE, NULL, "Bearer", token, NULL, &r), 401);
	expect_status(show_as(PLAIN), 200);
}

Test(fapi2, dpop_negative_tests_of_time_and_use)
{
	bind_token(&key);
	expect_status(show_as((struct proof){.age = 3600}), 401);
	expect_status(show_as((struct proof){.age = -3600}), 401);
	expect_status(show_as(PLAIN), 200);
	expect_status(show(proof), 401);
	cr_expect(is_problem(&r, "proof_replayed"), "%s", r.body);
	expect_status(show_as((struct proof){.jti = "the same"}), 200);
	expect_status(show_as((struct proof){.jti = "the same"}), 401);
	expect_status(show_as(PLAIN), 200);
}

Test(fapi2, dpop_negative_tests_of_the_key)
{
	char jwk[2300], of_another[TOKEN_MAX];
	const struct change private = {"jwk", jwk};
	bind_token(&key);
	craft(&others_key, "\"ES256\"", &taken[0], proof);
	expect_status(show(proof), 401);
	craft(&others_key, "\"ES256\"", &(struct change){"jwk", key.jwk}, proof); /* a wrong signature */
	expect_status(show(proof), 401);
	cr_expect(is_problem(&r, "invalid_dpop_proof"), "%s", r.body);
	snprintf(jwk, sizeof jwk, "%.*s,\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}", (int)strlen(key.jwk) - 1, key.jwk);
	expect_status(show_changed(&private), 401);
	cr_expect(is_problem(&r, "invalid_dpop_proof"), "%s", r.body);
	snprintf(of_another, sizeof of_another, "%s", token);
	bind_token(&key);
	expect_status(show_as((struct proof){.token = of_another}), 401);
	expect_status(show_as(PLAIN), 200);
}

/* The key of both is one RSA key. */
static void make_ps256(struct client_key_pair *k)
{
	cr_assert_eq(EVP_PKEY_up_ref(rsa.key->pkey), 1);
	cr_assert_eq(signing_key_of_private(JWT_PS256, rsa.key->pkey, &k->key), ERR_OK);
	struct sbuf jwk = sbuf_fixed(k->jwk, sizeof k->jwk);
	cr_assert_eq(signing_key_public_jwk(k->key, &jwk), ERR_OK);
}

Test(fapi2, ensure_signed_proof_with_rs256_gets_no_token)
{
	proof_for_token(&rsa, proof);
	expect_error(ask_with(proof), 400, "invalid_dpop_proof");
	expect_says("alg must be PS256, ES256 or EdDSA");
	cr_expect_eq(tokens(), 0);
}

static void refuse_rs256_and_take_ps256(void)
{
	struct client_key_pair ps256;
	make_ps256(&ps256);
	bind_token(&ps256);
	craft(&rsa, "\"RS256\"", &taken[0], proof);
	expect_status(show(proof), 401);
	cr_expect(is_problem(&r, "invalid_dpop_proof"), "%s", r.body);
	expect_says("alg must be PS256, ES256 or EdDSA");
	craft(&ps256, "\"PS256\"", &taken[0], proof);
	expect_status(show(proof), 200);
	signing_key_free(ps256.key);
}

/* The client's own profile is enough. */
Test(fapi2, dpop_negative_tests_of_rs256)
{
	refuse_rs256_and_take_ps256();
}

Test(fapi2_installation, dpop_negative_tests_of_rs256)
{
	refuse_rs256_and_take_ps256();
}

/* ---- besides the suite ---- */

Test(fapi2, a_secret_is_no_way_to_authenticate)
{
	expect_error(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401, "invalid_client");
}

static int introspect(const char *more)
{
	char form[TOKEN_MAX + 256];
	snprintf(form, sizeof form, "token=x&%s", more);
	return post_form(&w, "/oauth2/introspect", NULL, form, &r);
}

static int introspect_with_key(void)
{
	char form[TOKEN_MAX + 128];
	snprintf(form, sizeof form, "client_assertion_type=" TYPE "&client_assertion=%s", assertion);
	return introspect(form);
}

Test(fapi2, the_profile_holds_at_introspection_too)
{
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--role", "resource_server");
	client_assertion_new(acme.client_id, &rsa, 60, assertion);
	expect_error(introspect_with_key(), 401, "invalid_client");
	expect_says("alg must be PS256, ES256 or EdDSA");
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(introspect_with_key(), 200);
}

/* ---- an installation ---- */

Test(fapi2_installation, discovery_end_point_verification)
{
	expect_status(get(&w, "/.well-known/oauth-authorization-server", NULL, &r), 200);
	expect_says("\"issuer\":\"" ISSUER "\"");
	expect_says("\"grant_types_supported\":[\"client_credentials\"]");
	expect_says("\"token_endpoint_auth_methods_supported\":[\"private_key_jwt\"");
	expect_says("\"token_endpoint_auth_signing_alg_values_supported\":[\"ES256\",\"PS256\",\"EdDSA\"");
	expect_says("\"dpop_signing_alg_values_supported\":[\"ES256\",\"PS256\",\"EdDSA\"");
	cr_expect_null(strstr(r.body, "client_secret"), "%s", r.body);
	cr_expect_null(strstr(r.body, "RS256\",\"ES256\",\"PS256\",\"EdDSA\",\"Ed25519"), "%s", r.body);
}

/* What the challenge and the metadata name is what proofs are taken with. */
Test(fapi2_installation, the_challenge_names_the_algorithms_that_are_taken)
{
	static const char algs[] = "algs=\"ES256 PS256 EdDSA Ed25519\"";
	char challenge[256];
	expect_status(get(&w, RESOURCE, NULL, &r), 401);
	http_header(&r, "WWW-Authenticate", challenge, sizeof challenge);
	cr_expect_not_null(strstr(challenge, algs), "%s", challenge);
	bind_token(&key);
	expect_status(show("not-a-jwt"), 401);
	http_header(&r, "WWW-Authenticate", challenge, sizeof challenge);
	cr_expect_not_null(strstr(challenge, algs), "%s", challenge);
	expect_status(show_as(PLAIN), 200);
	expect_status(get(&w, "/.well-known/oauth-authorization-server", NULL, &r), 200);
	expect_says("\"dpop_signing_alg_values_supported\":[\"ES256\",\"PS256\",\"EdDSA\",\"Ed25519\"]");
}

Test(fapi2_installation, every_client_shows_a_key_and_has_its_tokens_bound)
{
	expect_error(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401, "invalid_client");
	expect_says("may not authenticate in this way");
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_error(ask(""), 400, "invalid_request");
	expect_says("must be bound");
	client_assertion_new(acme.client_id, &rsa, 60, assertion);
	expect_error(ask(""), 401, "invalid_client");
	expect_says("alg must be PS256, ES256 or EdDSA");
	cr_expect_eq(tokens(), 0);
}

Test(fapi2_installation, nobody_introspects_with_a_secret)
{
	char form[256];
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--role", "resource_server");
	snprintf(form, sizeof form, "client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	expect_error(introspect(form), 401, "invalid_client");
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(introspect_with_key(), 200);
}
