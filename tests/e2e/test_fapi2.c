/* FAPI 2.0 Security Profile: what the modules of the OpenID conformance suite send and expect,
 * against the running daemon. tests/fapi2.md has the table of the modules; a test that reproduces
 * one is named after it. The suites are one for clients of the profile, one for an installation of
 * it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "harness/client_key.h"
#include "harness/expect.h"
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

static void people(void)
{
	org_create(&w, "acme", &acme);
	org_create(&w, "other", &other);
	client_key_make(&key, JWT_ES256);
	client_key_make(&rsa, JWT_RS256);
	client_key_make(&others_key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	client_key_add(&w, &acme, &rsa);
	client_key_add(&w, &other, &others_key);
}

static void open_world(void)
{
	world_open(&w);
	people();
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "key", "--token-binding", "any", "--profile", "fapi2");
}

/* Every client is held to it, whatever it is set to. */
static void open_installation(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_PROFILE=fapi2");
	gateway_start(&w.gateway, &w.gateway_env);
	people();
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
	cr_expect_null(strstr(r.body, "client_secret"), "%s", r.body);
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
