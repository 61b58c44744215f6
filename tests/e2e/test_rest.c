/* The four operations of the API page over REST: what they answer, to whom, and in what manner. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX], member[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
	mint(all, "acme", "member", member);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin), KEPT(member));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(rest, .init = open_world, .fini = close_world, .timeout = 120);

static void expect_text(const char *key, const char *want)
{
	char got[TOKEN_MAX];
	cr_assert_str_eq(body_text(&r, key, got, sizeof got), want, "%s in %s", key, r.body);
}

static void expect_header(const char *name, const char *want)
{
	char got[512];
	cr_assert_str_eq(http_header(&r, name, got, sizeof got), want, "%s: %s", name, got);
}

Test(rest, the_four_operations_answer_what_the_api_page_promises)
{
	char token[TOKEN_MAX], secret[SECRET_MAX], text[64];

	expect_status(get(&w, "/m2m/client-id", admin, &r), 200);
	expect_text("client_id", acme.client_id);

	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_text("client_id", acme.client_id);
	expect_text("client_secret", acme.secret);
	cr_assert_eq(body_int(&r, "version"), 1);
	cr_assert_eq(strlen(body_text(&r, "created_at", text, sizeof text)), 27);

	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	expect_text("token_type", "Bearer");
	cr_assert_eq(body_int(&r, "expires_in"), 86400);
	expect_text("scope", "api");
	body_text(&r, "access_token", token, sizeof token);

	expect_status(rotate(&w, token, 0, &r), 200);
	expect_text("client_id", acme.client_id);
	cr_assert_eq(body_int(&r, "version"), 2);
	cr_assert_str_neq(body_text(&r, "client_secret", secret, sizeof secret), acme.secret);

	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_text("client_secret", secret);
	cr_assert_eq(body_int(&r, "version"), 2);
}

Test(rest, an_m2m_token_opens_all_four_routes)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);
	expect_status(m2m_token(&w, token, acme.client_id, acme.secret, &r), 200);
	expect_status(rotate(&w, token, -1, &r), 200);
}

Test(rest, the_token_route_takes_json_and_a_form)
{
	char body[512], token[TOKEN_MAX];
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	expect_status(post_form(&w, "/m2m/token", admin, body, &r), 200);
	cr_assert_str_neq(body_text(&r, "access_token", token, sizeof token), "");

	struct http_request q = {
		.path = "/m2m/token", .bearer = admin, .body = body, .type = "application/x-www-form-urlencoded; charset=UTF-8"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	snprintf(body, sizeof body,
		 "{ \"client_secret\": \"%s\",\n \"client_id\": \"m2m\\u005f%s\", \"grant_type\":\"client_credentials\" }", acme.secret,
		 acme.client_id + 4);
	q.type = "Application/JSON; charset=utf-8";
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

Test(rest, rotate_takes_no_body_and_an_empty_object)
{
	expect_status(rotate(&w, admin, -1, &r), 200);
	cr_assert_eq(body_int(&r, "version"), 2);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "POST", .path = "/m2m/rotate", .bearer = admin}, &r), 200);
	cr_assert_eq(body_int(&r, "version"), 3);
	expect_status(post_json(&w, "/m2m/rotate", admin, "{}", &r), 200);
	cr_assert_eq(body_int(&r, "version"), 4);
	expect_status(post_form(&w, "/m2m/rotate", admin, "grace_seconds=0", &r), 415);
}

Test(rest, a_member_reads_the_client_id_and_nothing_else)
{
	expect_status(get(&w, "/m2m/client-id", member, &r), 200);
	expect_text("client_id", acme.client_id);
	expect_status(get(&w, "/m2m/client-secret", member, &r), 403);
	cr_assert(is_problem(&r, "forbidden"), "%s%s", r.head, r.body);
	expect_status(rotate(&w, member, 0, &r), 403);
	cr_assert(is_problem(&r, "forbidden"), "%s", r.body);
	expect_status(m2m_token(&w, member, acme.client_id, acme.secret, &r), 403);
	cr_assert(is_problem(&r, "forbidden"), "%s", r.body);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret"), 1);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id is not null"), 0);
}

Test(rest, a_client_without_the_admin_role_is_a_member)
{
	char token[TOKEN_MAX];
	static struct ctl_result ran;
	client_token(&w, &acme, token);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--role", "none");
	/* The same token: roles are the client's, now. */
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 403);
	expect_status(rotate(&w, token, 0, &r), 403);
	expect_status(m2m_token(&w, token, acme.client_id, acme.secret, &r), 403);
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--role", "admin");
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);
}

Test(rest, a_route_without_a_bearer_asks_for_one)
{
	expect_status(get(&w, "/m2m/client-id", NULL, &r), 401);
	cr_assert(is_problem(&r, "missing_token"), "%s%s", r.head, r.body);
	expect_header("WWW-Authenticate",
		      "Bearer realm=\"m2m-gateway\", DPoP realm=\"m2m-gateway\", algs=\"RS256 ES256 PS256 EdDSA Ed25519\"");
	expect_status(get(&w, "/m2m/client-secret", NULL, &r), 401);
	expect_status(rotate(&w, NULL, 0, &r), 401);
	expect_status(m2m_token(&w, NULL, acme.client_id, acme.secret, &r), 401);
	cr_assert(is_problem(&r, "missing_token"), "%s", r.body);
}

static void expect_invalid_token(const char *bearer)
{
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s%s", r.head, r.body);
	expect_header("WWW-Authenticate", "Bearer realm=\"m2m-gateway\", error=\"invalid_token\"");
}

Test(rest, a_bearer_that_was_tampered_with_is_refused)
{
	char token[TOKEN_MAX], bad[TOKEN_MAX];
	client_token(&w, &acme, token);
	size_t n = strlen(token);
	size_t header = strcspn(token, "."), payload = header + 1 + strcspn(token + header + 1, ".");

	/* One character in each part. */
	const size_t places[] = {header / 2, header + 20, payload + 10, n - 20};
	for (unsigned i = 0; i < sizeof places / sizeof places[0]; i++) {
		memcpy(bad, token, n + 1);
		bad[places[i]] = bad[places[i]] == 'A' ? 'B' : 'A';
		expect_invalid_token(bad);
	}
	snprintf(bad, sizeof bad, "%.*s", (int)payload, token);
	expect_invalid_token(bad); /* no signature part */
	snprintf(bad, sizeof bad, "%.*s.", (int)payload, token);
	expect_invalid_token(bad);
	snprintf(bad, sizeof bad, "%s.", token);
	expect_invalid_token(bad);
	/* {"alg":"none","typ":"JWT"} over the real claims. */
	snprintf(bad, sizeof bad, "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0%.*s.", (int)(payload - header), token + header);
	expect_invalid_token(bad);
	expect_invalid_token("not-a-token");
	expect_invalid_token("a.b.c");
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
}

Test(rest, an_expired_bearer_is_refused)
{
	char token[TOKEN_MAX];
	static struct ctl_result ran;
	world_ctl(&w, &ran, "token", "mint", "--org", "acme", "--role", "admin", "--lifetime", "1");
	snprintf(token, sizeof token, "%.*s", (int)strcspn(ran.out, "\n"), ran.out);
	sleep_ms(2100);
	expect_invalid_token(token);
}

Test(rest, organizations_do_not_see_each_other)
{
	struct org other;
	char other_admin[TOKEN_MAX], unknown_body[4096], id[80];
	org_create(&w, "other", &other);
	mint(&w, "other", "admin", other_admin);

	expect_status(get(&w, "/m2m/client-id", other_admin, &r), 200);
	expect_text("client_id", other.client_id);
	expect_status(get(&w, "/m2m/client-secret", other_admin, &r), 200);
	expect_text("client_secret", other.secret);

	/* Another organization's client, with its right secret, is answered as one that doesn't
	 * exist: to the byte. */
	expect_status(m2m_token(&w, admin, "m2m_0000000000000000000000", other.secret, &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s%s", r.head, r.body);
	snprintf(unknown_body, sizeof unknown_body, "%s", r.body);
	expect_status(m2m_token(&w, admin, other.client_id, other.secret, &r), 401);
	cr_assert_str_eq(r.body, unknown_body);
	expect_status(m2m_token(&w, admin, acme.client_id, other.secret, &r), 401);
	cr_assert_str_eq(r.body, unknown_body);
	cr_assert_null(strstr(r.body, http_header(&r, "X-Request-Id", id, sizeof id)));

	/* Rotation touches one organization alone. */
	expect_status(rotate(&w, admin, 0, &r), 200);
	expect_status(oauth_token(w.gateway.http, other.client_id, other.secret, &r), 200);
	expect_status(get(&w, "/m2m/client-secret?organization=other", admin, &r), 200);
	expect_text("client_id", acme.client_id);
}

Test(rest, what_holds_a_token_or_a_secret_is_not_to_be_stored)
{
	static const char *const paths[] = {"/m2m/client-secret", "/m2m/client-id"};
	expect_status(get(&w, paths[0], admin, &r), 200);
	expect_header("Cache-Control", "no-store");
	expect_header("Pragma", "no-cache");
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	expect_header("Cache-Control", "no-store");
	expect_header("Pragma", "no-cache");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_header("Cache-Control", "no-store");
	expect_header("Pragma", "no-cache");
	expect_status(oauth_token(w.gateway.http, acme.client_id, "wrong", &r), 401);
	expect_header("Cache-Control", "no-store");
	expect_status(rotate(&w, admin, 0, &r), 200);
	expect_header("Cache-Control", "no-store");
	expect_header("Pragma", "no-cache");
}

static int get_with(const char *headers)
{
	return http_call(w.gateway.http, &(struct http_request){.path = "/m2m/client-id", .bearer = admin, .headers = headers}, &r);
}

Test(rest, a_request_id_is_echoed_or_replaced)
{
	char got[256], line[256];
	expect_status(get_with("X-Request-Id: trace.42_A-z\r\n"), 200);
	expect_header("X-Request-Id", "trace.42_A-z");

	snprintf(line, sizeof line, "X-Request-Id: %065d\r\n", 7);
	static const char *const bad[] = {"X-Request-Id: with space\r\n", "X-Request-Id: \"q\"\r\n", "X-Request-Id: a/b\r\n",
					  "X-Request-Id: \r\n", ""};
	for (unsigned i = 0; i <= sizeof bad / sizeof bad[0]; i++) {
		expect_status(get_with(i < sizeof bad / sizeof bad[0] ? bad[i] : line), 200);
		cr_assert_eq(strlen(http_header(&r, "X-Request-Id", got, sizeof got)), 36, "%s", got);
	}
	expect_status(http_call(w.gateway.http, &(struct http_request){.path = "/nowhere", .headers = "X-Request-Id: seen\r\n"}, &r), 404);
	expect_text("request_id", "seen");
}

Test(rest, the_wrong_method_names_the_right_one)
{
	static const struct {
		const char *method, *path, *allow;
	} cases[] = {
		{"POST", "/m2m/client-id", "GET"},
		{"DELETE", "/m2m/client-secret", "GET"},
		{"GET", "/m2m/token", "POST"},
		{"PUT", "/m2m/rotate", "POST"},
		{"GET", "/oauth2/token", "POST"},
		{"PATCH", "/oauth2/token", "POST"},
		{"POST", "/.well-known/jwks.json", "GET"},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct http_request q = {
			.method = cases[i].method, .path = cases[i].path, .bearer = admin, .body = "", .type = "application/json"};
		char allow[64];
		expect_status(http_call(w.gateway.http, &q, &r), 405);
		http_header(&r, "Allow", allow, sizeof allow);
		cr_assert_not_null(strstr(allow, cases[i].allow), "%s %s: Allow: %s", cases[i].method, cases[i].path, allow);
	}
}

Test(rest, an_unknown_path_is_a_problem_document)
{
	static const char *const paths[] = {"/",           "/m2m", "/m2m/", "/m2m/client-id/", "/M2M/client-id", "/m2m/client-secrets",
					    "/m2m/%74oken"};
	for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		expect_status(get(&w, paths[i], admin, &r), 404);
		cr_assert(is_problem(&r, "not_found"), "%s: %s%s", paths[i], r.head, r.body);
	}
}

static void expect_document(const char *path, const char *type, const char *start)
{
	expect_status(get(&w, path, NULL, &r), 200);
	expect_header("Content-Type", type);
	expect_header("Cache-Control", "public, max-age=3600");
	cr_assert_eq(strncmp(r.body, start, strlen(start)), 0, "%.80s", r.body);
	cr_assert(strlen(r.body) == r.body_n && r.body[r.body_n - 1] == '\n', "all of it, and one end of line");
	cr_assert_neq(r.body[r.body_n - 2], '\n');
}

Test(rest, anyone_may_read_the_contract)
{
	expect_document("/openapi.yaml", "application/yaml", "# ");
	expect_document("/openapi.json", "application/json", "{\"openapi\":\"3.1.0\",");
	static const char *const routes[] = {"/m2m/client-id",
					     "/m2m/client-secret",
					     "/m2m/token",
					     "/m2m/rotate",
					     "/oauth2/token",
					     "/.well-known/jwks.json",
					     "/.well-known/oauth-authorization-server"};
	for (unsigned i = 0; i < sizeof routes / sizeof routes[0]; i++)
		cr_assert_not_null(strstr(r.body, routes[i]), "%s", routes[i]);
	expect_status(post_json(&w, "/openapi.json", NULL, "{}", &r), 405);
	expect_header("Allow", "GET");
}

Test(rest, a_wrong_content_type_is_415)
{
	struct http_request q = {.path = "/m2m/token", .bearer = admin, .body = "grant_type=client_credentials", .type = "text/plain"};
	expect_status(http_call(w.gateway.http, &q, &r), 415);
	q.type = NULL;
	expect_status(http_call(w.gateway.http, &q, &r), 415);
	q.path = "/m2m/rotate";
	q.type = "application/xml";
	expect_status(http_call(w.gateway.http, &q, &r), 415);
	q.path = "/oauth2/token";
	q.bearer = NULL;
	expect_status(http_call(w.gateway.http, &q, &r), 415);
	q.type = "application/json"; /* RFC 6749 knows the form alone */
	q.body = "{\"grant_type\":\"client_credentials\"}";
	expect_status(http_call(w.gateway.http, &q, &r), 415);
}

Test(rest, a_connection_is_kept_for_further_requests)
{
	struct http_conn c;
	cr_assert(http_open(&c, w.gateway.http));
	for (int i = 0; i < 5; i++) {
		expect_status(http_call_on(&c, &(struct http_request){.path = "/m2m/client-id", .bearer = admin}, &r), 200);
		expect_status(http_call_on(&c, &(struct http_request){.path = "/nowhere"}, &r), 404);
	}
	http_close(&c);
}

Test(rest, an_answer_to_head_of_the_operational_endpoints_is_a_head)
{
	struct http_conn c;
	char length[16];
	cr_assert(http_open(&c, w.gateway.ops));
	http_send_text(&c, "HEAD /livez HTTP/1.1\r\nHost: a\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
	cr_assert_eq(http_read(&c, &r, 5000, true), 200, "%s", r.head);
	cr_assert_str_eq(http_header(&r, "Content-Length", length, sizeof length), "3");
	cr_assert_eq(http_read(&c, &r, 5000, false), 200, "%s", r.head);
	http_close(&c);
}

/* RFC 9112 section 3.2.2: as proxies get them, and as some clients send them to anyone. */
Test(rest, a_target_in_absolute_form_is_its_path)
{
	static struct http_conn c;
	cr_assert(http_open(&c, w.gateway.http));
	for (int i = 0; i < 2; i++)
		expect_status(http_call_on(&c, &(struct http_request){.path = "http://api.example/m2m/client-id", .bearer = admin}, &r),
			      200);
	expect_status(http_call_on(&c,
				   &(struct http_request){.path = "https://api.example:8443/m2m/audit/tokens?page_size=1", .bearer = admin},
				   &r),
		      200);
	expect_status(http_call_on(&c, &(struct http_request){.path = "/m2m/client-id", .bearer = admin}, &r), 200);
	expect_status(http_call_on(&c, &(struct http_request){.path = "http://api.example/nothing"}, &r), 404);
	http_close(&c);
}

Test(rest, the_ops_listener_answers_health_and_metrics_and_the_api_listener_does_not)
{
	cr_assert_eq(gateway_ops_status(&w.gateway, "/livez"), 200);
	cr_assert_eq(gateway_ops_status(&w.gateway, "/readyz"), 200);
	cr_assert_eq(gateway_ops_status(&w.gateway, "/startupz"), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_assert_not_null(strstr(r.body, "# TYPE m2m_"), "%s", r.body);
	expect_status(get(&w, "/metrics", admin, &r), 404);
	expect_status(get(&w, "/livez", NULL, &r), 404);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/m2m/client-id", .bearer = admin}, &r), 404);
}

Test(rest, each_request_leaves_one_access_line_without_its_credentials)
{
	char line[4096];
	expect_status(get_with("X-Request-Id: look-for-me\r\n"), 200);
	expect_status(http_call(w.gateway.http,
				&(struct http_request){
					.path = "/m2m/client-secret", .bearer = member, .headers = "X-Request-Id: refused-one\r\n"},
				&r),
		      403);
	sleep_ms(100);
	cr_assert_eq(gateway_log_wait(&w.gateway, "look-for-me", 1, line, sizeof line), 1);
	cr_assert_not_null(strstr(line, "\"event\":\"access\""), "%s", line);
	cr_assert_not_null(strstr(line, "\"outcome\":\"granted\""), "%s", line);
	cr_assert_not_null(strstr(line, "\"status\":200"), "%s", line);
	cr_assert_not_null(strstr(line, "\"operation\":\""), "%s", line);
	cr_assert_not_null(strstr(line, "\"duration_us\":"), "%s", line);
	cr_assert_not_null(strstr(line, acme.id), "%s", line);
	cr_assert_eq(gateway_log_wait(&w.gateway, "refused-one", 1, line, sizeof line), 1);
	cr_assert_not_null(strstr(line, "\"outcome\":\"forbidden\""), "%s", line);
	cr_assert_eq(gateway_log_count(&w.gateway, admin, NULL, 0), 0);
}
