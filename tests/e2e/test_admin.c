/* The operator's API: a platform's own backend makes, reads, changes and removes organizations
 * and their clients, and everything it does is in the audit. */
#include <stdio.h>
#include <string.h>

#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define ORGS "/admin/organizations"

static struct world w;
static struct org acme;
static struct http_reply r;
static char platform[TOKEN_MAX];

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(platform));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(admin, .init = open_world, .fini = close_world, .timeout = 120);

static int call(const char *method, const char *path, const char *body)
{
	return http_call(
		w.gateway.http,
		&(struct http_request){
			.method = method, .path = path, .bearer = platform, .type = body == NULL ? NULL : "application/json", .body = body},
		&r);
}

static const char *clients_of(const char *slug, const char *client_id, const char *more)
{
	static char path[256];
	snprintf(path, sizeof path, ORGS "/%s/clients%s%s%s", slug, client_id[0] == '\0' ? "" : "/", client_id, more);
	return path;
}

static void expect_problem(int status, int want, const char *code)
{
	cr_assert(status == want && is_problem(&r, code), "%d: %s", status, r.body);
}

static bool body_has(const char *text)
{
	return strstr(r.body, text) != NULL;
}

static int64_t audited(const char *action, const char *outcome)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and actor = 'backend'",
		       action, outcome);
}

/* ---- organizations ---- */

Test(admin, a_new_organization_can_be_used_at_once)
{
	char id[64], secret[SECRET_MAX], location[128];
	expect_status(call("POST", ORGS, "{\"slug\":\"beta\",\"name\":\"Beta \\u00e9\"}"), 201);
	body_text(&r, "client_id", id, sizeof id);
	body_text(&r, "client_secret", secret, sizeof secret);
	cr_assert_str_eq(http_header(&r, "Location", location, sizeof location), ORGS "/beta");
	cr_assert(body_has("\"name\":\"Beta é\""), "%s", r.body);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 200);
	cr_assert_eq(audited("create_organization", "granted"), 1);
	cr_assert_eq(audited("create_client", "granted"), 1);
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'create_client' and client_id = '%s' and"
			     " transport = 'r' and host(remote_addr) = '127.0.0.1' and detail @> '{\"roles\":[\"admin\"]}'",
			     id),
		     1);
	expect_status(call("GET", location, NULL), 200);
	cr_assert_not(body_has("secret\":\"m2ms"), "%s", r.body);
}

Test(admin, a_slug_is_given_once_and_what_is_wrong_is_named)
{
	static const struct {
		const char *body, *says;
	} bad[] = {
		{"{}", "slug"},
		{"{\"slug\":\"Acme\"}", "slug"},
		{"{\"slug\":\"-x\"}", "slug"},
		{"{\"slug\":\"0190a0a0-0000-7000-8000-00000000000a\"}", "slug"},
		{"{\"slug\":\"x\",\"name\":\"\"}", "name"},
		{"{\"slug\":\"x\",\"name\":\"a\\tb\"}", "name"},
		{"{\"slug\":\"x\",\"name\":\"a\\u009b2J\"}", "name must be text"},
		{"{\"slug\":\"x\",\"name\":\"a\xe2\x80\xae\"}", "name must be text"},
		{"{\"slug\":\"x\",\"client\":{\"name\":\"a\\u200b\"}}", "name must be text"},
		{"{\"slug\":\"x\",\"issuer\":\"https://a.test\",\"external_id\":\"\\u202ea\"}", "external_id must be text"},
		{"{\"slug\":\"x\",\"issuer\":\"https://a.test\"}", "external_id"},
		{"{\"slug\":\"x\",\"slug\":\"y\"}", "slug is given twice"},
		{"{\"slug\":\"x\",\"colour\":\"red\"}", "doesn't know the member colour."},
		{"{\"slug\":7}", "slug"},
		{"{\"slug\":\"x\",\"client\":{\"roles\":[\"platform\"]}}", "roles"},
		{"{\"slug\":\"x\",\"client\":{\"scopes\":[\"a b\"]}}", "scopes"},
		{"{\"slug\":\"x\",\"client\":{\"audiences\":[]}}", "audiences"},
		{"{\"slug\":\"x\",\"client\":{\"token_lifetime\":59}}", "token_lifetime"},
		{"{\"slug\":\"x\",\"client\":{\"token_lifetime\":99999999999999999999}}", "token_lifetime"},
		{"{\"slug\":\"x\",\"client\":{\"token_lifetime\":60.5}}", "token_lifetime"},
		{"{\"slug\":\"x\",\"client\":{\"token_type\":\"jwt\"}}", "token_type"},
		{"{\"slug\":\"x\",\"client\":{\"disabled\":true}}", "doesn't know the member client.disabled."},
		{"[]", "object"},
		{"", "object"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int status = call("POST", ORGS, bad[i].body);
		cr_expect(status == 400 && is_problem(&r, "invalid_request") && body_has(bad[i].says), "%s: %s", bad[i].body, r.body);
	}
	expect_problem(call("POST", ORGS, "{\"slug\":\"acme\"}"), 409, "already_exists");
	cr_assert_eq(audited("create_organization", "already_exists"), 1);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.organization"), 1);
	expect_status(http_call(w.gateway.http,
				&(struct http_request){.path = ORGS, .bearer = platform, .type = "text/plain", .body = "{\"slug\":\"x\"}"},
				&r),
		      415);
}

/* Whatever changes something refuses what it doesn't know, before it does anything. */
Test(admin, a_parameter_that_is_not_known_is_named_and_nothing_is_done)
{
	char client[256], rotation[256], of_clients[256];
	snprintf(client, sizeof client, "%s", clients_of("acme", acme.client_id, ""));
	snprintf(rotation, sizeof rotation, "%s", clients_of("acme", acme.client_id, "/rotate"));
	snprintf(of_clients, sizeof of_clients, "%s", clients_of("acme", "", ""));
	const struct {
		const char *method, *path, *body, *named;
	} cases[] = {
		{"POST", ORGS, "{\"slug\":\"x\",\"client\":{\"lifetime\":60}}", "member client.lifetime."},
		{"PATCH", ORGS "/acme", "{\"name\":\"New\",\"disable\":true}", "member disable."},
		{"PATCH", ORGS "/acme", "{\"name\":\"New\",\"client\":{\"disabled\":true}}", "member client."},
		{"DELETE", ORGS "/acme", "{\"dry_run\":true}", "a method that takes none"},
		{"POST", of_clients, "{\"role\":[]}", "member role."},
		{"PATCH", client, "{\"token_lifetime\":60,\"scope\":[\"a\"]}", "member scope."},
		{"DELETE", client, "{}", "a method that takes none"},
		{"POST", ORGS "?dry_run=1", "{\"slug\":\"x\"}", "query: dry_run"},
		{"PATCH", ORGS "/acme?name=New", "{\"name\":\"New\"}", "query: name"},
		{"DELETE", ORGS "/acme?dry_run=1", NULL, "query: dry_run"},
		{"POST", clients_of("acme", "", "?dry_run=1"), "{}", "query: dry_run"},
		{"GET", ORGS "?page=2", NULL, "parameter page. It knows search, state, page_size and page_token."},
		{"GET", ORGS "/acme?version=1", NULL, "query: version"},
		{"POST", rotation, "{\"graceSeconds\":60}", "member graceSeconds."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = call(cases[i].method, cases[i].path, cases[i].body);
		cr_expect(status == 400 && is_problem(&r, "invalid_request") && body_has(cases[i].named), "%s %s %s: %d %s",
			  cases[i].method, cases[i].path, cases[i].body, status, r.body);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization where name = 'acme' and disabled_at is null"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where token_lifetime = 86400 and secret_version = 1"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where actor = 'backend'"), 0);
	expect_status(call("DELETE", ORGS "/acme?", ""), 204);
}

Test(admin, organizations_are_listed_page_by_page)
{
	char path[512], token[256], body[64];
	unsigned seen = 0;
	for (int i = 0; i < 7; i++) {
		snprintf(body, sizeof body, "{\"slug\":\"org-%d\"}", i);
		expect_status(call("POST", ORGS, body), 201);
	}
	snprintf(path, sizeof path, ORGS "?page_size=3");
	for (int page = 0; page < 3; page++) {
		expect_status(call("GET", path, NULL), 200);
		for (const char *at = r.body; (at = strstr(at, "\"slug\":")) != NULL; at++)
			seen++;
		bool last = body_has("\"next_page_token\":null");
		cr_assert_eq(last, page == 2, "%s", r.body);
		if (!last)
			snprintf(path, sizeof path, ORGS "?page_size=3&page_token=%s",
				 body_text(&r, "next_page_token", token, sizeof token));
	}
	cr_assert_eq(seen, 8);
	static const char *const bad[] = {
		"?page_size=0", "?page_size=101",           "?page_size=x",    "?page_token=%21", "?page_token=YQ==",
		"?page=1",      "?page_size=1&page_size=2", "?page_token=YSdi"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(path, sizeof path, ORGS "%s", bad[i]);
		int status = call("GET", path, NULL);
		cr_expect(status == 400 && is_problem(&r, "invalid_request"), "%s: %s", bad[i], r.body);
	}
}

Test(admin, a_disabled_organization_is_shut_out_until_it_is_enabled)
{
	char bearer[TOKEN_MAX];
	mint(&w, "acme", "admin", bearer);
	expect_status(call("PATCH", ORGS "/acme", "{\"disabled\":true}"), 200);
	cr_assert(body_has("\"disabled\":true"));
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 401);
	expect_problem(call("POST", clients_of("acme", "", ""), "{}"), 409, "conflict");
	expect_problem(call("GET", clients_of("acme", acme.client_id, "/secret"), NULL), 409, "conflict");
	expect_status(call("PATCH", ORGS "/acme", "{\"disabled\":false}"), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	cr_assert_eq(audited("disable_organization", "granted"), 1);
	cr_assert_eq(audited("enable_organization", "granted"), 1);
}

Test(admin, an_organization_is_known_to_one_outside_issuer_under_one_name)
{
	expect_status(call("PATCH", ORGS "/acme", "{\"issuer\":\"https://a.test/\",\"external_id\":\"one\",\"name\":\"Acme\"}"), 200);
	cr_assert(body_has("\"issuer\":\"https://a.test/\",\"external_id\":\"one\""), "%s", r.body);
	expect_problem(call("POST", ORGS, "{\"slug\":\"beta\",\"issuer\":\"https://a.test/\",\"external_id\":\"one\"}"), 409,
		       "already_exists");
	expect_status(call("POST", ORGS, "{\"slug\":\"beta\"}"), 201);
	expect_problem(call("PATCH", ORGS "/beta", "{\"issuer\":\"https://a.test/\",\"external_id\":\"one\"}"), 409, "already_exists");
	expect_status(call("PATCH", ORGS "/acme", "{\"external_id\":null}"), 200);
	cr_assert(body_has("\"issuer\":null,\"external_id\":null"), "%s", r.body);
	expect_status(call("PATCH", ORGS "/beta", "{\"issuer\":\"https://a.test/\",\"external_id\":\"one\"}"), 200);
}

Test(admin, deleting_an_organization_ends_its_secrets_and_frees_its_name)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	expect_status(call("DELETE", ORGS "/acme", NULL), 204);
	cr_assert_eq(r.body_n, 0);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	expect_problem(call("GET", ORGS "/acme", NULL), 404, "organization_not_found");
	expect_problem(call("DELETE", ORGS "/acme", NULL), 404, "organization_not_found");
	expect_status(call("POST", ORGS, "{\"slug\":\"acme\"}"), 201);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '%s'", acme.client_id), 1,
		     "what it did stays");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where client_id = '%s' and expires_at = '-infinity'",
			     acme.client_id),
		     1);
	cr_assert_eq(audited("delete_organization", "granted"), 1);
	cr_assert_eq(audited("delete_client", "granted"), 1);
	cr_assert_eq(audited("delete_organization", "organization_not_found"), 1);
}

/* ---- clients ---- */

static void second_client(const char *body, char id[64], char secret[SECRET_MAX])
{
	expect_status(call("POST", clients_of("acme", "", ""), body), 201);
	body_text(&r, "client_id", id, 64);
	body_text(&r, "client_secret", secret, SECRET_MAX);
}

Test(admin, the_reference_routes_act_on_the_default_client)
{
	char id[64], secret[SECRET_MAX], bearer[TOKEN_MAX], text[64];
	mint(&w, "acme", "admin", bearer);
	second_client("{\"name\":\"nightly\"}", id, secret);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 200);
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_id", text, sizeof text), acme.client_id);
	expect_status(rotate(&w, bearer, 0, &r), 200);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 200);

	expect_problem(call("DELETE", clients_of("acme", acme.client_id, ""), NULL), 409, "default_client");
	expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"default\":false}"), 409, "default_client");
	/* as it is */
	expect_status(call("PATCH", clients_of("acme", id, ""), "{\"default\":false}"), 200);
	expect_status(call("PATCH", clients_of("acme", id, ""), "{\"default\":true}"), 200);
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_id", text, sizeof text), id);
	expect_status(call("DELETE", clients_of("acme", acme.client_id, ""), NULL), 204);
	expect_problem(call("GET", clients_of("acme", acme.client_id, ""), NULL), 404, "client_not_found");
	cr_assert_eq(audited("delete_client", "default_client"), 1);
}

Test(admin, what_a_client_may_do_holds_from_the_next_request_on)
{
	char id[64], secret[SECRET_MAX], token[TOKEN_MAX];
	struct org second = {.slug = "acme"};
	second_client(
		"{\"roles\":[\"admin\"],\"scopes\":[\"orders:read\",\"orders:write\"],\"audiences\":[\"x\",\"y\"],\"token_lifetime\":600}",
		id, secret);
	snprintf(second.client_id, sizeof second.client_id, "%.31s", id);
	snprintf(second.secret, sizeof second.secret, "%s", secret);
	client_token(&w, &second, token);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 200);
	cr_assert(body_has("\"expires_in\":600") && body_has("\"scope\":\"orders:read orders:write\""), "%s", r.body);

	expect_status(call("PATCH", clients_of("acme", id, ""),
			   "{\"roles\":[\"member\"],\"scopes\":[\"orders:read\"],\"token_lifetime\":60,\"token_type\":\"at+jwt\",\"name\":"
			   "\"n\"}"),
		      200);
	cr_assert(body_has("\"roles\":[\"member\"]") && body_has("\"audiences\":[\"x\",\"y\"]") && body_has("\"token_type\":\"at+jwt\""),
		  "%s", r.body);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 403);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 200);
	cr_assert(body_has("\"expires_in\":60") && body_has("\"scope\":\"orders:read\""), "%s", r.body);
	expect_status(call("PATCH", clients_of("acme", id, ""), "{\"disabled\":true}"), 200);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 401);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	cr_assert_eq(audited("set_client", "granted"), 1);
	cr_assert_eq(audited("disable_client", "granted"), 1);
}

Test(admin, a_named_client_s_secret_is_read_and_rotated)
{
	char id[64], secret[SECRET_MAX], text[SECRET_MAX];
	second_client("{}", id, secret);
	expect_status(call("GET", clients_of("acme", id, "/secret"), NULL), 200);
	cr_assert_str_eq(body_text(&r, "client_secret", text, sizeof text), secret);
	expect_status(call("POST", clients_of("acme", id, "/rotate"), NULL), 200);
	body_text(&r, "client_secret", text, sizeof text);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 401);
	expect_status(oauth_token(w.gateway.http, id, text, &r), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action in ('read_secret', 'rotate_secret')"
			     " and outcome = 'granted' and client_id = '%s' and actor = 'backend'",
			     id),
		     2);

	/* an Idempotency-Key belongs to one client */
	struct http_request q = {.method = "POST", .bearer = platform, .headers = "Idempotency-Key: k\r\n"};
	char path[256];
	snprintf(path, sizeof path, "%s", clients_of("acme", id, "/rotate"));
	q.path = path;
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	body_text(&r, "client_secret", text, sizeof text);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	cr_assert(body_has(text), "a repeat is answered the same");
	snprintf(path, sizeof path, "%s", clients_of("acme", acme.client_id, "/rotate"));
	expect_status(http_call(w.gateway.http, &q, &r), 422);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
}

Test(admin, a_client_is_found_in_its_own_organization_alone)
{
	struct org other;
	org_create(&w, "other", &other);
	static const char *const more[] = {"", "/secret"};
	for (size_t i = 0; i < sizeof more / sizeof *more; i++)
		expect_problem(call("GET", clients_of("acme", other.client_id, more[i]), NULL), 404, "client_not_found");
	expect_problem(call("POST", clients_of("acme", other.client_id, "/rotate"), NULL), 404, "client_not_found");
	expect_problem(call("PATCH", clients_of("acme", other.client_id, ""), "{\"disabled\":true}"), 404, "client_not_found");
	expect_problem(call("DELETE", clients_of("acme", other.client_id, ""), NULL), 404, "client_not_found");
	expect_problem(call("GET", clients_of("nobody", other.client_id, ""), NULL), 404, "organization_not_found");
	expect_status(oauth_token(w.gateway.http, other.client_id, other.secret, &r), 200);
	expect_status(call("GET", clients_of(other.id, other.client_id, ""), NULL), 200);
}

/* ---- who may ---- */

Test(admin, no_organization_s_token_opens_it)
{
	char bearer[TOKEN_MAX], token[TOKEN_MAX];
	mint(&w, "acme", "admin", bearer);
	client_token(&w, &acme, token);
	const char *const bearers[] = {bearer, token};
	static const char *const paths[] = {ORGS, ORGS "/acme", ORGS "/acme/clients"};
	for (size_t b = 0; b < 2; b++)
		for (size_t p = 0; p < sizeof paths / sizeof *paths; p++) {
			expect_status(get(&w, paths[p], bearers[b], &r), 403);
			cr_assert(is_problem(&r, "forbidden"));
		}
	expect_status(get(&w, ORGS, NULL, &r), 401);
	expect_status(get(&w, ORGS, "nonsense", &r), 401);
	expect_status(post_json(&w, ORGS, bearer, "{\"slug\":\"x\"}", &r), 403);
	/* not even where somebody writes the role into the table: the schema refuses it */
	cr_assert_str_eq(sql_state(world_db(&w), "update m2m.client set roles = '{platform}' where client_id = '%s'", acme.client_id),
			 "23514");
	struct ctl_result ran;
	cr_assert_eq(ctl(&w.ctl_env, &ran, "client", "set", "--org", "acme", "--role", "platform"), 2);
	cr_assert_eq(ctl(&w.ctl_env, &ran, "token", "mint", "--org", "acme", "--role", "platform"), 2);
}

Test(admin, a_platform_token_opens_nothing_else_and_ends_with_its_key)
{
	expect_status(get(&w, "/m2m/client-id", platform, &r), 403);
	expect_status(get(&w, "/m2m/client-secret", platform, &r), 403);
	expect_status(rotate(&w, platform, 0, &r), 403);
	expect_status(m2m_token(&w, platform, acme.client_id, acme.secret, &r), 403);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where organization_id is null"), 1,
		     "its making is recorded");
	expect_status(get(&w, ORGS, platform, &r), 200);
	struct ctl_result ran;
	char kid[64];
	snprintf(kid, sizeof kid, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key_current"));
	world_ctl(&w, &ran, "key", "revoke", kid, "--now");
	int refused = 0; /* one after another: each worker learns it by itself */
	for (int ms = 0; refused < 10 && ms < 8000; ms += 100) {
		refused = get(&w, ORGS, platform, &r) == 401 ? refused + 1 : 0;
		sleep_ms(refused == 0 ? 100 : 1);
	}
	cr_assert_eq(refused, 10, "%d: %s", r.status, r.body);
}

/* ---- keys ---- */

static struct client_key_pair key;

static const char *keys_of(const struct org *o, const char *credential_id)
{
	static char path[256];
	snprintf(path, sizeof path, "%s%s%s", clients_of(o->slug, o->client_id, "/credentials"), credential_id[0] == '\0' ? "" : "/",
		 credential_id);
	return path;
}

#define NEVER_USED "\"last_use\":{\"at\":null,\"remote_addr\":null,\"user_agent\":null,\"unknown_until\":null}"

static const char *key_body(const char *public_key, const char *more)
{
	static char body[8192];
	snprintf(body, sizeof body, "{\"kind\":\"key\",\"public_key\":%s%s}", public_key, more);
	return body;
}

static int64_t key_acts(const char *action, const char *outcome)
{
	return sql_int(
		world_db(&w),
		"select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and actor = 'backend' and transport = 'r'"
		" and client_id is not distinct from %s and detail->>'credential' = '%s'",
		action, outcome, strcmp(outcome, "client_not_found") == 0 ? "null" : "(select client_id from m2m.client where is_default)",
		key.id);
}

Test(admin, a_key_is_registered_used_listed_and_removed)
{
	char location[256], want[256], assertion[TOKEN_MAX], id[64];
	client_key_make(&key, JWT_ES256);
	expect_status(call("GET", keys_of(&acme, ""), NULL), 200);
	cr_expect(body_has("{\"credentials\":[],\"secrets\":[{\"version\":1,\"hint\":\"") && body_has(NEVER_USED) && !body_has("m2ms_"),
		  "%s", r.body);
	expect_status(call("POST", keys_of(&acme, ""), key_body(key.jwk, ",\"name\":\"build\",\"expires_at\":\"2999-01-31T00:00:00Z\"")),
		      201);
	cr_expect_str_eq(body_text(&r, "credential_id", id, sizeof id), key.id);
	cr_expect(body_has("\"kind\":\"key\",\"name\":\"build\",\"kty\":\"EC\",\"alg\":\"ES256\",\"public_key\":{") &&
			  body_has("\"expires_at\":\"2999-01-31T00:00:00.000000Z\"}"),
		  "%s", r.body);
	snprintf(want, sizeof want, "%s", keys_of(&acme, key.id));
	cr_expect_str_eq(http_header(&r, "Location", location, sizeof location), want);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(assertion_token(w.gateway.http, assertion, "", &r), 200);
	expect_status(call("GET", keys_of(&acme, ""), NULL), 200);
	cr_expect(body_has(key.id) && body_has("build"), "%s", r.body);
	expect_status(call("GET", location, NULL), 200);
	snprintf(want, sizeof want, "{\"credential_id\":\"%s\",\"kind\":\"key\"", key.id);
	cr_expect(body_has(want) && body_has("\"last_use\":{\"at\":\"20") &&
			  body_has("Z\",\"remote_addr\":\"127.0.0.1\",\"user_agent\":null,\"unknown_until\":null}"),
		  "%s", r.body);
	expect_status(call("DELETE", location, NULL), 204);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(assertion_token(w.gateway.http, assertion, "", &r), 401);
	expect_status(call("DELETE", location, NULL), 404);
	expect_problem(r.status, 404, "credential_not_found");
	expect_status(call("GET", location, NULL), 404);
	expect_problem(r.status, 404, "credential_not_found");
	expect_status(call("GET", keys_of(&acme, "1"), NULL), 404); /* a secret's version is none */
	cr_expect(key_acts("add_key", "granted") == 1 && key_acts("remove_key", "granted") == 1 &&
		  key_acts("remove_credential", "credential_not_found") == 1);
	signing_key_free(key.key);
}

/* Of a certificate the id has what a path must not have as it is. */
Test(admin, an_id_in_a_path_may_be_percent_encoded)
{
	static const char *const forms[] = {"tls_client_auth_subject_dn%3ACN%3Da%2Fb%2CO%3DCaf%C3%A9%20%2B%20x",
					    "tls_client_auth_subject_dn:CN=a%2fb,O=Caf%C3%A9%20+%20x"};
	sql_exec(world_db(&w),
		 "insert into m2m.client_credential (client_id, credential_id, kind)"
		 " values ('%s', 'tls_client_auth_subject_dn:CN=a/b,O=Caf\u00e9 + x', 'certificate')",
		 acme.client_id);
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		expect_status(call("GET", keys_of(&acme, forms[i]), NULL), 200);
		cr_expect(body_has("\"credential_id\":\"tls_client_auth_subject_dn:CN=a/b,O=Caf\u00e9 + x\",\"kind\":\"certificate\"") &&
				  body_has(NEVER_USED),
			  "%s", r.body);
	}
	expect_status(call("GET", keys_of(&acme, "a%2"), NULL), 400);
	expect_status(call("GET", keys_of(&acme, "a%00"), NULL), 400);
	expect_status(call("GET", keys_of(&acme, "a%ff"), NULL), 400);
	expect_status(call("GET", keys_of(&acme, "a%0a"), NULL), 400);
	expect_status(call("DELETE", keys_of(&acme, forms[0]), NULL), 204);
	expect_status(call("GET", keys_of(&acme, forms[1]), NULL), 404);
}

Test(admin, a_key_is_taken_as_pem_and_without_an_algorithm_fits_any)
{
	static const char pem[] = "\"-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\\n"
				  "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\\n-----END PUBLIC KEY-----\\n\"";
	char id[64];
	expect_status(call("POST", keys_of(&acme, ""), key_body(pem, ",\"expires_at\":null")), 201);
	cr_expect_str_eq(body_text(&r, "credential_id", id, sizeof id), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
	cr_expect(body_has("\"name\":\"\"") && body_has("\"alg\":null") && body_has("\"expires_at\":null"), "%s", r.body);
}

Test(admin, a_key_is_found_with_its_own_client_alone)
{
	struct org other;
	client_key_make(&key, JWT_EDDSA);
	org_create(&w, "other", &other);
	expect_status(call("POST", keys_of(&acme, ""), key_body(key.jwk, "")), 201);
	expect_problem(call("POST", keys_of(&acme, ""), key_body(key.jwk, "")), 409, "already_exists");
	cr_expect(body_has("has this credential already"), "%s", r.body);
	expect_problem(call("DELETE", keys_of(&other, key.id), NULL), 404, "credential_not_found");
	snprintf(other.client_id, sizeof other.client_id, "%s", acme.client_id);
	expect_problem(call("DELETE", keys_of(&other, key.id), NULL), 404, "client_not_found");
	expect_problem(call("GET", keys_of(&other, ""), NULL), 404, "client_not_found");
	expect_problem(call("POST", keys_of(&other, ""), key_body(key.jwk, "")), 404, "client_not_found");
	snprintf(other.slug, sizeof other.slug, "nobody");
	expect_problem(call("GET", keys_of(&other, ""), NULL), 404, "organization_not_found");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where ended_at is null"), 1);
	signing_key_free(key.key);
}

Test(admin, a_ninth_key_is_refused)
{
	client_key_make(&key, JWT_ES256);
	sql_exec(world_db(&w),
		 "insert into m2m.client_credential (client_id, credential_id, kind, public_jwk)"
		 " select '%s', 'k' || n, 'key', '{}' from generate_series(1, 8) n",
		 acme.client_id);
	expect_problem(call("POST", keys_of(&acme, ""), key_body(key.jwk, "")), 409, "too_many_credentials");
	cr_expect_eq(key_acts("add_key", "too_many_credentials"), 1);
	signing_key_free(key.key);
}

Test(admin, what_is_no_key_to_register_is_named)
{
	static const struct {
		const char *body, *says;
	} bad[] = {
		{"{}", "kind must be key, certificate or workload."},
		{"{\"kind\":\"secret\"}", "kind must be key, certificate or workload."},
		{"{\"kind\":\"key\"}", "public_key must be"},
		{"{\"kind\":\"key\",\"public_key\":7}", "public_key is of the wrong type"},
		{"{\"kind\":\"key\",\"public_key\":\"x\"}", "neither a public JWK"},
		{"{\"kind\":\"key\",\"public_key\":{\"kty\":\"oct\",\"k\":\"AAAA\"}}", "symmetric"},
		{"{\"kind\":\"key\",\"public_key\":{\"kty\":\"EC\",\"d\":\"AAAA\"}}", "private key"},
		{"{\"kind\":\"key\",\"public_key\":\"-----BEGIN PRIVATE KEY-----\"}", "private key"},
		{"{\"kind\":\"key\",\"public_key\":{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}}", "RSA of 2048"},
		{"{\"kind\":\"key\",\"public_key\":{},\"expires_at\":\"tomorrow\"}", "expires_at must be"},
		{"{\"kind\":\"key\",\"public_key\":{},\"expires_at\":\"2001-01-31T00:00:00Z\"}", "expires_at must be"},
		{"{\"kind\":\"key\",\"public_key\":{},\"name\":\"a\\tb\"}", "name must be"},
		{"{\"kind\":\"key\",\"public_key\":{},\"use\":\"sig\"}", "doesn't know the member use."},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int status = call("POST", keys_of(&acme, ""), bad[i].body);
		cr_expect(status == 400 && is_problem(&r, "invalid_request") && body_has(bad[i].says), "%s: %s", bad[i].body, r.body);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'add_key'"), 0);
}

/* ---- workloads ---- */

#define TERMS "\"kind\":\"workload\",\"issuer\":\"https://platform.test\",\"audience\":\"a\""

static int add_workload(const struct org *o, const char *more)
{
	char body[8192];
	snprintf(body, sizeof body, "{" TERMS "%s}", more);
	return call("POST", keys_of(o, ""), body);
}

Test(admin, a_workload_is_registered_listed_and_removed)
{
	char location[256], id[64], want[256];
	expect_status(add_workload(&acme, ",\"subject\":\"s\",\"claims\":{\"b\":true,\"a\":{\"/c\":7}},\"may_replay\":true,"
					  "\"name\":\"build\",\"expires_at\":\"2999-01-31T00:00:00Z\""),
		      201);
	body_text(&r, "credential_id", id, sizeof id);
	cr_expect(body_has("\"kind\":\"workload\",\"name\":\"build\"") && body_has("\"issuer\":\"https://platform.test\"") &&
			  body_has("\"subject\":\"s\"") && body_has("\"audience\":\"a\"") && body_has("\"may_replay\":true") &&
			  body_has("\"claims\":{\"a\": {\"/c\": 7}, \"b\": true}") &&
			  body_has("\"expires_at\":\"2999-01-31T00:00:00.000000Z\""),
		  "%s", r.body);
	snprintf(want, sizeof want, "%s", keys_of(&acme, id));
	cr_expect_str_eq(http_header(&r, "Location", location, sizeof location), want);
	expect_status(call("GET", keys_of(&acme, ""), NULL), 200);
	cr_expect(body_has(id) && body_has(NEVER_USED), "%s", r.body);
	expect_status(call("GET", location, NULL), 200);
	cr_expect(body_has(id) && body_has("\"may_replay\":true"), "%s", r.body);
	expect_status(call("GET", clients_of("acme", acme.client_id, ""), NULL), 200);
	cr_expect(body_has("\"auth_methods\":[\"secret\",\"workload\"]"), "%s", r.body);
	expect_status(call("DELETE", location, NULL), 204);
	expect_problem(call("DELETE", location, NULL), 404, "credential_not_found");
	expect_problem(call("GET", location, NULL), 404, "credential_not_found");
	cr_expect_eq(audited("add_workload", "granted"), 1);
	cr_expect_eq(audited("remove_workload", "granted"), 1);
	expect_status(add_workload(&acme, ",\"subject\":\"s\""), 201); /* and again, with other terms */
	cr_expect(body_has("\"claims\":{}") && body_has("\"may_replay\":false") && body_has("\"expires_at\":null"), "%s", r.body);
}

Test(admin, a_workload_s_audience_is_the_gateway_unless_something_else_is_agreed)
{
	expect_status(call("POST", keys_of(&acme, ""),
			   "{\"kind\":\"workload\",\"issuer\":\"example.org\",\"subject\":\"spiffe://example.org/x\"}"),
		      201);
	cr_expect(body_has("\"audience\":\"https://issuer.test\""), "%s", r.body);
	expect_status(call("POST", keys_of(&acme, ""),
			   "{\"kind\":\"workload\",\"issuer\":\"example.org\",\"subject\":null,\"claims\":{\"a\":\"b\"}}"),
		      201);
	cr_expect(body_has("\"subject\":null"), "%s", r.body);
}

/* Whatever order they are written in; and what differs in one term is another one. */
Test(admin, a_workload_is_the_same_by_its_terms)
{
	static const char *const others[] = {",\"subject\":\"s\",\"claims\":{\"a\":\"1\",\"b\":{\"c\":\"x\"}},\"may_replay\":true",
					     ",\"subject\":\"s\",\"claims\":{\"a\":\"1\",\"b\":\"x\"}",
					     ",\"subject\":\"t\",\"claims\":{\"a\":\"1\",\"b\":{\"c\":\"x\"}}",
					     ",\"claims\":{\"a\":\"1\",\"b\":{\"c\":\"x\"}}", ",\"subject\":\"s\""};
	expect_status(add_workload(&acme, ",\"subject\":\"s\",\"claims\":{\"a\":\"1\",\"b\":{\"c\":\"x\"}}"), 201);
	expect_problem(add_workload(&acme, ",\"name\":\"n\",\"claims\":{\"b\":{\"c\":\"x\"},\"a\":\"1\"},\"subject\":\"s\""), 409,
		       "already_exists");
	cr_expect(body_has("has this credential already"), "%s", r.body);
	cr_expect_eq(audited("add_workload", "already_exists"), 1);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		expect_status(add_workload(&acme, others[i]), 201);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where ended_at is null and kind = 'workload'"), 6);
}

Test(admin, a_workload_is_found_with_its_own_client_alone)
{
	struct org other;
	char id[64];
	org_create(&w, "other", &other);
	expect_status(add_workload(&acme, ",\"subject\":\"s\""), 201);
	body_text(&r, "credential_id", id, sizeof id);
	expect_problem(call("GET", keys_of(&other, id), NULL), 404, "credential_not_found");
	expect_problem(call("DELETE", keys_of(&other, id), NULL), 404, "credential_not_found");
	expect_status(add_workload(&other, ",\"subject\":\"s\""), 201); /* whose own it may be too */
	snprintf(other.client_id, sizeof other.client_id, "%s", acme.client_id);
	expect_problem(call("GET", keys_of(&other, id), NULL), 404, "client_not_found");
	expect_problem(call("DELETE", keys_of(&other, id), NULL), 404, "client_not_found");
	expect_problem(add_workload(&other, ",\"subject\":\"t\""), 404, "client_not_found");
	snprintf(other.slug, sizeof other.slug, "nobody");
	expect_problem(add_workload(&other, ",\"subject\":\"t\""), 404, "organization_not_found");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where ended_at is null"), 2);
}

Test(admin, a_ninth_workload_is_refused_and_a_first_key_is_not)
{
	char more[32], id[64];
	client_key_make(&key, JWT_ES256);
	for (int i = 0; i < 8; i++) {
		snprintf(more, sizeof more, ",\"subject\":\"s%d\"", i);
		expect_status(add_workload(&acme, more), 201);
	}
	body_text(&r, "credential_id", id, sizeof id);
	expect_problem(add_workload(&acme, ",\"subject\":\"s8\""), 409, "too_many_credentials");
	cr_expect_eq(audited("add_workload", "too_many_credentials"), 1);
	expect_status(call("POST", keys_of(&acme, ""), key_body(key.jwk, "")), 201);
	expect_status(call("DELETE", keys_of(&acme, id), NULL), 204);
	expect_status(add_workload(&acme, ",\"subject\":\"s8\""), 201);
	signing_key_free(key.key);
}

/* ,"NAME":"xxx..." */
static const char *long_member(const char *name, size_t n)
{
	static char text[4096];
	int at = snprintf(text, sizeof text, ",\"%s\":\"", name);
	memset(text + at, 'x', n);
	snprintf(text + at + n, sizeof text - (size_t)at - n, "\"");
	return text;
}

/* ,"claims":{"c0":true,...} */
static const char *many_claims(int n)
{
	static char text[4096];
	int at = snprintf(text, sizeof text, ",\"claims\":{");
	for (int i = 0; i < n; i++)
		at += snprintf(text + at, sizeof text - (size_t)at, "%s\"c%d\":true", i == 0 ? "" : ",", i);
	snprintf(text + at, sizeof text - (size_t)at, "}");
	return text;
}

static void expect_named(const char *body, const char *says)
{
	int status = call("POST", keys_of(&acme, ""), body);
	cr_expect(status == 400 && is_problem(&r, "invalid_request") && body_has(says), "%s: %s", body, r.body);
}

static void expect_no_workload(const char *more, const char *says)
{
	char body[8192];
	snprintf(body, sizeof body, "{" TERMS "%s}", more);
	expect_named(body, says);
}

Test(admin, what_is_no_workload_to_register_is_named)
{
	static const struct {
		const char *more, *says;
	} bad[] = {
		{"", "needs a subject, or claims"},
		{",\"claims\":{}", "needs a subject, or claims"},
		{",\"subject\":null", "needs a subject, or claims"},
		{",\"subject\":\"\"", "subject must be"},
		{",\"subject\":7", "subject is of the wrong type"},
		{",\"subject\":\"a\\tb\"", "subject must be"},
		{",\"subject\":\"a\\u202eb\"", "subject must be"},
		{",\"claims\":[]", "claims is of the wrong type"},
		{",\"claims\":\"x\"", "claims is of the wrong type"},
		{",\"claims\":null", "claims is of the wrong type"},
		{",\"claims\":{\"a\":null}", "claims must be"},
		{",\"claims\":{\"a\":[1]}", "claims must be"},
		{",\"claims\":{\"a\":{}}", "claims must be"},
		{",\"claims\":{\"\":\"x\"}", "claims must be"},
		{",\"claims\":{\"a\":1.5}", "claims must be"},
		{",\"claims\":{\"a\":99999999999999999999}", "claims must be"},
		{",\"claims\":{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":1}}}}}", "claims must be"},
		{",\"claims\":{\"a\":1,\"a\":2}", "twice"},
		{",\"subject\":\"s\",\"may_replay\":\"yes\"", "may_replay is of the wrong type"},
		{",\"subject\":\"s\",\"may_replay\":1", "may_replay is of the wrong type"},
		{",\"subject\":\"s\",\"may_replay\":null", "may_replay is of the wrong type"},
		{",\"subject\":\"s\",\"name\":\"a\\tb\"", "name must be"},
		{",\"subject\":\"s\",\"name\":7", "name is of the wrong type"},
		{",\"subject\":\"s\",\"expires_at\":\"tomorrow\"", "expires_at must be"},
		{",\"subject\":\"s\",\"expires_at\":\"2001-01-31T00:00:00Z\"", "expires_at must be"},
		{",\"subject\":\"s\",\"expires_at\":7", "expires_at is of the wrong type"},
		{",\"subject\":\"s\",\"replay\":true", "doesn't know the member replay."},
		{",\"subject\":\"s\",\"public_key\":{}", "a member of another kind"},
		{",\"subject\":\"s\",\"certificate\":\"x\"", "a member of another kind"},
		{",\"subject\":\"s\",\"tls_client_auth_san_dns\":\"a.example\"", "a member of another kind"},
	};
	static const struct {
		const char *body, *says;
	} whole[] = {
		{"{\"kind\":\"workload\"}", "issuer must be"},
		{"{\"kind\":\"workload\",\"subject\":\"s\"}", "issuer must be"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"\"}", "issuer must be"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"a b\"}", "issuer must be"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":7}", "issuer is of the wrong type"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"i\",\"audience\":\"\"}", "audience must be"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"i\",\"audience\":\"a b\"}", "audience must be"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"i\",\"audience\":null}", "audience is of the wrong type"},
		{"{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"i\",\"audience\":[\"a\"]}", "audience is of the wrong type"},
		{"{\"kind\":\"key\",\"public_key\":{},\"issuer\":\"i\"}", "a member of another kind"},
		{"{\"kind\":\"key\",\"public_key\":{},\"claims\":{\"a\":1}}", "a member of another kind"},
		{"{\"kind\":\"certificate\",\"tls_client_auth_san_dns\":\"a.example\",\"subject\":\"s\"}", "a member of another kind"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_no_workload(bad[i].more, bad[i].says);
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		expect_named(whole[i].body, whole[i].says);
	expect_no_workload(long_member("subject", 1025), "subject must be");
	expect_no_workload(many_claims(65), "claims must be");
	char body[8192];
	snprintf(body, sizeof body, "{\"kind\":\"workload\",\"subject\":\"s\"%s}", long_member("issuer", 257));
	expect_named(body, "issuer must be");
	snprintf(body, sizeof body, "{\"kind\":\"workload\",\"subject\":\"s\",\"issuer\":\"i\"%s}", long_member("audience", 257));
	expect_named(body, "audience must be");
	snprintf(body, sizeof body, "{" TERMS ",\"claims\":{\"a\":\"b\"%s}}", long_member("c", 2048));
	expect_named(body, "claims must be");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'add_workload'"), 0);
	expect_status(add_workload(&acme, long_member("subject", 1024)), 201);
	expect_status(add_workload(&acme, many_claims(60)), 201);
}

/* Its tokens would be bound to nothing. */
Test(admin, a_client_of_fapi2_has_no_workloads)
{
	expect_status(call("PATCH", clients_of("acme", acme.client_id, ""),
			   "{\"auth_methods\":[\"key\"],\"token_binding\":\"dpop\",\"profile\":\"fapi2\"}"),
		      200);
	expect_problem(add_workload(&acme, ",\"subject\":\"s\""), 409, "profile_unmet");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential"), 0);
}

/* What the client may authenticate with, as its row and its description have it. */
static void expect_methods(const char *row, const char *told)
{
	char want[64];
	snprintf(want, sizeof want, "\"auth_methods\":[%s]", told);
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_methods::text from m2m.client where client_id = '%s'", acme.client_id), row);
	cr_expect(body_has(want), "%s", r.body);
}

Test(admin, how_a_client_authenticates_is_set_and_holds_from_the_next_request_on)
{
	char client_id[64];
	expect_status(call("GET", clients_of("acme", acme.client_id, ""), NULL), 200);
	expect_methods("", "\"secret\""); /* a row from before */
	expect_status(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"auth_methods\":[\"key\"]}"), 200);
	expect_methods("{key}", "\"key\"");
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'set_client' and detail->'auth_methods' = '[\"key\"]'"),
		     1);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	expect_status(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"name\":\"the same\"}"), 200);
	expect_methods("{key}", "\"key\"");
	expect_status(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"auth_methods\":[\"key\",\"secret\"]}"), 200);
	expect_methods("{key,secret}", "\"key\",\"secret\"");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(call("POST", clients_of("acme", "", ""), "{\"auth_methods\":[\"key\"]}"), 201);
	cr_expect(body_has("\"auth_methods\":[\"key\"]"), "%s", r.body);
	body_text(&r, "client_id", client_id, sizeof client_id);
	cr_expect_str_eq(sql_text(world_db(&w), "select detail->>'auth_methods' from m2m.admin_audit where client_id = '%s'", client_id),
			 "[\"key\"]");
	expect_status(call("POST", ORGS, "{\"slug\":\"beta\",\"client\":{\"auth_methods\":[\"secret\",\"key\"]}}"), 201);
	expect_status(call("GET", clients_of("beta", "", ""), NULL), 200);
	cr_expect(body_has("\"auth_methods\":[\"secret\",\"key\"]"), "%s", r.body);
}

Test(admin, a_client_has_one_way_to_authenticate_at_least)
{
	static const char *const bad[] = {"[]", "[\"secret\",\"secret\"]", "[\"password\"]", "[\"\"]"};
	char body[128];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(body, sizeof body, "{\"auth_methods\":%s}", bad[i]);
		expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), body), 400, "invalid_request");
		cr_expect(body_has("auth_methods must be a list of secret, key, certificate and workload"), "%s: %s", body, r.body);
	}
	expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"auth_methods\":null}"), 400, "invalid_request");
}

Test(admin, what_a_client_is_held_to_is_set_and_shown)
{
	char client_id[64];
	expect_status(call("GET", clients_of("acme", acme.client_id, ""), NULL), 200);
	cr_expect(body_has("\"token_binding\":null,\"profile\":null"), "%s", r.body);
	expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"profile\":\"fapi2\"}"), 409, "profile_unmet");
	expect_status(call("PATCH", clients_of("acme", acme.client_id, ""),
			   "{\"auth_methods\":[\"key\"],\"token_binding\":\"dpop\",\"profile\":\"fapi2\"}"),
		      200);
	cr_expect(body_has("\"token_binding\":\"dpop\",\"profile\":\"fapi2\""), "%s", r.body);
	expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"token_binding\":null}"), 409, "profile_unmet");
	expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"auth_methods\":[\"secret\"]}"), 409, "profile_unmet");
	expect_status(call("PATCH", clients_of("acme", acme.client_id, ""), "{\"profile\":null,\"token_binding\":null}"), 200);
	cr_expect(body_has("\"token_binding\":null,\"profile\":null"), "%s", r.body);
	cr_expect_eq(audited("set_client", "profile_unmet"), 3);
	cr_expect_eq(audited("set_client", "granted"), 2);
	expect_status(call("POST", clients_of("acme", "", ""),
			   "{\"auth_methods\":[\"key\",\"certificate\"],\"token_binding\":\"any\",\"profile\":\"fapi2\"}"),
		      201);
	body_text(&r, "client_id", client_id, sizeof client_id);
	cr_expect_str_eq(sql_text(world_db(&w), "select (token_binding, profile)::text from m2m.client where client_id = '%s'", client_id),
			 "(any,fapi2)");
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where client_id = '%s' and detail @> '{\"profile\":\"fapi2\"}'",
			     client_id),
		     1);
}

Test(admin, what_a_client_can_t_be_held_to_is_told)
{
	static const struct {
		const char *body, *says;
	} bad[] = {
		{"{\"token_binding\":\"mtls\"}", "token_binding must be"},
		{"{\"token_binding\":\"none\"}", "token_binding"},
		{"{\"token_binding\":true}", "token_binding"},
		{"{\"profile\":\"fapi1\"}", "profile must be"},
		{"{\"profile\":\"fapi2\",\"token_binding\":null}", "Profile fapi2 wants"},
		{"{\"profile\":\"fapi2\",\"auth_methods\":[\"key\",\"workload\"]}", "Profile fapi2 wants"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		expect_problem(call("PATCH", clients_of("acme", acme.client_id, ""), bad[i].body), 400, "invalid_request");
		cr_expect(body_has(bad[i].says), "%s: %s", bad[i].body, r.body);
	}
	expect_problem(call("POST", clients_of("acme", "", ""), "{\"profile\":\"fapi2\"}"), 400, "invalid_request");
	expect_problem(call("POST", ORGS, "{\"slug\":\"beta\",\"client\":{\"profile\":\"fapi2\",\"token_binding\":\"any\"}}"), 400,
		       "invalid_request");
	cr_expect_eq(audited("set_client", "granted") + audited("create_client", "granted"), 0);
}

Test(admin, another_method_is_told_which_there_are)
{
	char allow[64];
	expect_status(call("PUT", ORGS "/acme", NULL), 405);
	cr_assert_str_eq(http_header(&r, "Allow", allow, sizeof allow), "GET, PATCH, DELETE");
	expect_status(call("DELETE", ORGS, NULL), 405);
	cr_assert_str_eq(http_header(&r, "Allow", allow, sizeof allow), "GET, POST");
	expect_status(call("GET", ORGS "/acme/nothing", NULL), 404);
	expect_status(call("GET", ORGS "/a%2fb", NULL), 404);
}
