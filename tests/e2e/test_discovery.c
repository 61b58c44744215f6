/* The documents that anyone may read: where they stand, what they say, and who may read them
 * from a browser. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"
#include "json/json_read.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static struct http_reply r;
static struct arena *arena;

static void prepare(void)
{
	world_prepare(&w, false);
	arena = arena_new(4 << 20);
}

static void start(const char *issuer)
{
	env_set(&w.gateway_env, "M2M_ISSUER=%s", issuer);
	env_set(&w.ctl_env, "M2M_ISSUER=%s", issuer);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	world_close(&w);
	arena_free(arena);
}

TestSuite(discovery, .init = prepare, .fini = close_world, .timeout = 120);

static int ask(const char *method, const char *path, const char *headers)
{
	const struct http_request q = {.method = method, .path = path, .headers = headers};
	return http_call(w.gateway.http, &q, &r);
}

static void expect_header(const char *name, const char *want)
{
	char got[512];
	cr_assert_str_eq(http_header(&r, name, got, sizeof got), want, "%s: %s", name, got);
}

static const struct json *document(const char *path)
{
	const struct json_limits limits = {.max_depth = 64, .max_values = 65536};
	const struct json *object = NULL;
	expect_status(get(&w, path, NULL, &r), 200);
	struct str body = arena_copy(arena, str_from(r.body, r.body_n));
	cr_assert_eq(json_parse(arena, body, limits, &object), ERR_OK, "%s", path);
	return object;
}

static struct str text_of(const struct json *object, const char *name)
{
	struct str text = STR_NONE;
	enum err err = json_string(json_get(object, name), &text);
	cr_assert_eq(err, ERR_OK, "%s", name);
	return text;
}

static void text_is(const struct json *object, const char *name, const char *want)
{
	struct str got = text_of(object, name);
	cr_assert(str_eq(got, str_of(want)), "%s is %.*s", name, STR_ARG(got));
}

/* ---- what the standards require ---- */

static const char *const oauth_required[] = {"issuer", "token_endpoint", "jwks_uri", "response_types_supported", NULL};
static const char *const openid_required[] = {"issuer",
					      "authorization_endpoint",
					      "token_endpoint",
					      "jwks_uri",
					      "response_types_supported",
					      "subject_types_supported",
					      "id_token_signing_alg_values_supported",
					      NULL};

static void has_required(const struct json *object, const char *const *names)
{
	for (; *names != NULL; names++) {
		const struct json *value = json_get(object, *names);
		cr_assert_not_null(value, "%s", *names);
		if (value->type == JSON_ARRAY)
			cr_assert_not_null(value->child, "%s is empty (RFC 8414 section 3.2)", *names);
	}
}

/* RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3 */
Test(discovery, each_document_has_what_its_standard_requires)
{
	start("https://issuer.test");
	has_required(document("/.well-known/oauth-authorization-server"), oauth_required);
	const struct json *openid = document("/.well-known/openid-configuration");
	has_required(openid, openid_required);
	struct str first = json_get(openid, "id_token_signing_alg_values_supported")->child->text;
	cr_assert(str_eq(first, STR("RS256")), "it must be among them");
}

/* The path that a URL of the document has behind a proxy that ends TLS. */
static const char *local(const struct json *object, const char *name)
{
	struct str url = text_of(object, name);
	cr_assert(str_starts(url, STR("https://issuer.test/")), "%.*s", STR_ARG(url));
	return arena_printf(arena, "%.*s", (int)url.n - 19, url.p + 19).p;
}

static void expect_endpoints(const char *path)
{
	const struct json *object = document(path);
	const struct http_request none = {.path = local(object, "token_endpoint"),
					  .body = "grant_type=client_credentials",
					  .type = "application/x-www-form-urlencoded"};
	expect_status(get(&w, local(object, "jwks_uri"), NULL, &r), 200);
	cr_assert_not_null(strstr(r.body, "\"kid\""), "%s", r.body);
	expect_status(http_call(w.gateway.http, &none, &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_header("WWW-Authenticate", "Basic realm=\"m2m-gateway\"");
	if (json_get(object, "authorization_endpoint") == NULL)
		return;
	const char *query = "?response_type=code&client_id=x";
	struct str authorize = arena_printf(arena, "%s%s", local(object, "authorization_endpoint"), query);
	expect_status(get(&w, authorize.p, NULL, &r), 400);
	cr_assert(is_oauth_error(&r, "unsupported_response_type"), "%s", r.body);
	expect_header("Location", "");
}

Test(discovery, each_url_of_the_documents_answers_as_it_should)
{
	org_create(&w, "acme", &acme);
	start("https://issuer.test");
	expect_endpoints("/.well-known/oauth-authorization-server");
	expect_endpoints("/.well-known/openid-configuration");
}

/* ---- a public URL with a path ---- */

static void expect_issued(const char *path)
{
	char body[256], text[256];
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	expect_status(post_form(&w, path, NULL, body, &r), 200);
	char token[TOKEN_MAX];
	body_text(&r, "access_token", token, sizeof token);
	claim_text(token, "iss", text, sizeof text);
	cr_assert(strncmp(text, "https://issuer.test/auth", 24) == 0, "%s", text);
	expect_status(get(&w, "/auth/m2m/client-id", token, &r), 200);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
}

static void expect_refused_alike(const char *path)
{
	expect_status(get(&w, path, NULL, &r), 401);
	expect_header("WWW-Authenticate",
		      "Bearer realm=\"m2m-gateway\", DPoP realm=\"m2m-gateway\", algs=\"RS256 ES256 PS256 EdDSA Ed25519\"");
	expect_status(ask("DELETE", path, NULL), 405);
	expect_header("Allow", "GET");
}

static void expect_created_below(const char *path)
{
	char platform[TOKEN_MAX], body[32], location[128];
	static unsigned n;
	mint_platform(&w, "backend", platform);
	snprintf(body, sizeof body, "{\"slug\":\"made-%u\"}", ++n);
	expect_status(post_json(&w, path, platform, body, &r), 201);
	http_header(&r, "Location", location, sizeof location);
	cr_assert(strncmp(location, "/auth/admin/organizations/made-", 31) == 0, "%s", location);
	expect_status(get(&w, location, platform, &r), 200);
}

/* A proxy may take the path away, or leave it; the well-known path stands before it or behind. */
static void expect_served_below_auth(const char *issuer)
{
	static const char *const places[] = {
		"/auth/.well-known/oauth-authorization-server",  "/auth/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server/auth",  "/.well-known/openid-configuration/auth",
		"/.well-known/oauth-authorization-server",       "/.well-known/openid-configuration",
		"/.well-known/oauth-authorization-server/auth/", "/.well-known/openid-configuration/auth/",
	};
	org_create(&w, "acme", &acme);
	start(issuer);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const struct json *object = document(places[i]);
		text_is(object, "issuer", issuer);
		text_is(object, "token_endpoint", "https://issuer.test/auth/oauth2/token");
		text_is(object, "jwks_uri", "https://issuer.test/auth/.well-known/jwks.json");
		expect_endpoints(places[i]);
	}
	expect_issued("/oauth2/token");
	expect_issued("/auth/oauth2/token");
	expect_refused_alike("/m2m/client-id");
	expect_refused_alike("/auth/m2m/client-id");
	expect_created_below("/admin/organizations");
	expect_created_below("/auth/admin/organizations");
}

static void expect_nowhere_else(void)
{
	static const char *const nowhere[] = {
		"/auth",
		"/auth/",
		"/authoauth2/token",
		"/auth/auth/oauth2/token",
		"/other/oauth2/token",
		"/auth/livez",
		"/auth/.refused/",
		"/.well-known/jwks.json/auth",
		"/.well-known/oauth-authorization-server/other",
		"/.well-known/oauth-authorization-server/auth//",
		"/.well-known/oauth-authorization-server/",
		"/oauth2/token/auth",
	};
	for (size_t i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		expect_status(get(&w, nowhere[i], NULL, &r), 404);
		cr_assert(is_problem(&r, "not_found"), "%s: %s", nowhere[i], r.body);
	}
}

Test(discovery, an_issuer_with_a_path_has_all_routes_below_it)
{
	expect_served_below_auth("https://issuer.test/auth");
	expect_nowhere_else();
}

/* Its last slash is part of iss, and of no other URL (RFC 8414 section 3.1). */
Test(discovery, an_issuer_may_end_with_a_slash)
{
	expect_served_below_auth("https://issuer.test/auth/");
}

Test(discovery, an_issuer_that_is_a_host_and_a_slash_has_the_host_s_routes)
{
	start("https://issuer.test/");
	const struct json *object = document("/.well-known/openid-configuration");
	text_is(object, "issuer", "https://issuer.test/");
	text_is(object, "token_endpoint", "https://issuer.test/oauth2/token");
	expect_status(get(&w, "//.well-known/openid-configuration", NULL, &r), 404);
}

Test(discovery, a_path_that_is_a_route_s_too_takes_nothing_away)
{
	org_create(&w, "acme", &acme);
	start("https://issuer.test/oauth2");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(get(&w, "/oauth2/oauth2/token", NULL, &r), 405);
	expect_header("Allow", "POST");
}

/* ---- the contract ---- */

Test(discovery, the_contract_names_the_public_url_as_its_server)
{
	start("https://issuer.test/auth/");
	const struct json *servers = json_get(document("/auth/openapi.json"), "servers");
	text_is(servers->child, "url", "https://issuer.test/auth");
	cr_assert_null(servers->child->next);
	expect_status(get(&w, "/openapi.yaml", NULL, &r), 200);
	cr_assert_not_null(strstr(r.body, "\nservers:\n  - url: https://issuer.test/auth\n"), "%.600s", r.body);
}

/* ---- browsers ---- */

#define ORIGIN    "Origin: https://docs.example\r\n"
#define PREFLIGHT ORIGIN "Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: x-request-id\r\n"

Test(discovery, a_browser_may_read_the_documents)
{
	static const char *const documents[] = {"/.well-known/jwks.json", "/.well-known/oauth-authorization-server",
						"/.well-known/openid-configuration", "/openapi.json", "/openapi.yaml"};
	start("https://issuer.test");
	for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
		expect_status(ask("GET", documents[i], ORIGIN), 200);
		expect_header("Access-Control-Allow-Origin", "*");
		expect_status(ask("GET", documents[i], NULL), 200);
		/* a cache may keep it for both */
		expect_header("Access-Control-Allow-Origin", "*");
		expect_status(ask("OPTIONS", documents[i], PREFLIGHT), 200);
		expect_header("Access-Control-Allow-Origin", "*");
		expect_header("Access-Control-Allow-Methods", "GET, HEAD");
		expect_header("Access-Control-Allow-Headers", "*");
		expect_header("Content-Length", "0");
		expect_status(ask("DELETE", documents[i], ORIGIN), 405);
	}
}

Test(discovery, a_browser_may_read_nothing_else)
{
	static const struct {
		const char *method, *path;
		int status;
	} others[] = {
		{"OPTIONS", "/oauth2/token", 405},     {"OPTIONS", "/m2m/client-secret", 405},
		{"OPTIONS", "/oauth2/authorize", 405}, {"OPTIONS", "/nowhere", 404},
		{"GET", "/m2m/client-id", 401},        {"GET", "/oauth2/authorize", 400},
		{"GET", "/admin/organizations", 401},  {"GET", "/nowhere", 404},
		{"POST", "/oauth2/token", 415},
	};
	start("https://issuer.test");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		bool post = strcmp(others[i].method, "POST") == 0;
		const struct http_request q = {.method = others[i].method,
					       .path = others[i].path,
					       .headers = PREFLIGHT,
					       .body = post ? "x" : NULL,
					       .type = "text/plain"};
		expect_status(http_call(w.gateway.http, &q, &r), others[i].status);
		cr_assert_null(strstr(r.head, "Access-Control"), "%s %s: %s", q.method, q.path, r.head);
	}
}

/* ---- an issuer that nobody can reach ---- */

static unsigned warnings_of_check(void)
{
	static struct ctl_result ran;
	unsigned n = 0;
	ctl(&w.ctl_env, &ran, "config", "check");
	for (const char *at = ran.out; (at = strstr(at, "M2M_ISSUER")) != NULL; at++)
		n++;
	return n;
}

Test(discovery, an_issuer_that_is_no_address_of_anybody_s_is_warned_of)
{
	static const struct {
		const char *listen, *issuer;
		unsigned warnings;
	} cases[] = {{"0.0.0.0:0", "", 1},
		     {"[::]:0", "", 1},
		     {"0.0.0.0:0", "=http://0.0.0.0:8080", 1},
		     {"0.0.0.0:0", "=https://issuer.test", 0}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct env *const envs[] = {&w.gateway_env, &w.ctl_env};
		for (int e = 0; e < 2; e++) {
			env_set(envs[e], "M2M_HTTP_LISTEN=%s", cases[i].listen);
			env_set(envs[e], "M2M_PLAINTEXT=http");
			env_set(envs[e], "M2M_ISSUER%s", cases[i].issuer);
		}
		cr_assert_eq(warnings_of_check(), cases[i].warnings, "%s", cases[i].listen);
		gateway_start(&w.gateway, &w.gateway_env);
		cr_assert_eq(gateway_log_count(&w.gateway, "issuer_unreachable", NULL, 0), cases[i].warnings, "%s", cases[i].listen);
		gateway_stop(&w.gateway, 15000);
	}
}
