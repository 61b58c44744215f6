/* A client, and an organization, that may be used from some networks only: over both transports,
 * from 127.0.0.1 and from the other addresses of the loopback network. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/h2.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define HERE      "127.0.0.1/32"
#define ELSEWHERE "192.0.2.0/24"
#define ORGS      "/admin/organizations"
#define REFUSED   7 /* PERMISSION_DENIED */

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX], token[TOKEN_MAX], platform[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;
static struct ctl_result ran;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin), KEPT(platform));

static void open_world(void)
{
	world_open_filled(&w);
	client_token(&w, &acme, token);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(networks, .init = open_world, .fini = close_world, .timeout = 120);

static void allow_client(const char *network)
{
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--allow-network", network);
}

static void allow_organization(const char *network)
{
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", network);
}

static int operate(const char *method, const char *path, const char *body)
{
	const struct http_request q = {
		.method = method, .path = path, .bearer = platform, .type = body == NULL ? NULL : "application/json", .body = body};
	return http_call(w.gateway.http, &q, &r);
}

static bool body_has(const char *text)
{
	return strstr(r.body, text) != NULL;
}

static void expect_problem(int status)
{
	cr_expect(status == 403 && is_problem(&r, "network_not_allowed"), "%d: %s", status, r.body);
}

/* ---- tokens ---- */

static void expect_no_token(void)
{
	char wrong[SECRET_MAX];
	wrong_secret(wrong);
	int64_t before = sql_int(world_db(&w), "select count(*) from m2m.token_audit");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 403);
	cr_expect(is_oauth_error(&r, "unauthorized_client"), "%s", r.body);
	cr_expect(body_has("may not be used from the address"), "%s", r.body);
	expect_status(oauth_token(w.gateway.http, acme.client_id, wrong, &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit"), before);
}

Test(networks, a_client_gets_tokens_from_its_own_networks_alone)
{
	allow_client(ELSEWHERE);
	expect_no_token();
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 403);
	cr_expect(is_oauth_error(&r, "unauthorized_client"), "%s", r.body);
	cr_expect_eq(grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g), REFUSED);
	allow_client(HERE);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	cr_expect_eq(grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g), 0);
	allow_client("any");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
}

Test(networks, an_organization_s_clients_get_them_from_its_networks_alone)
{
	struct org other;
	org_create(&w, "other", &other);
	allow_organization(ELSEWHERE);
	expect_no_token();
	expect_status(oauth_token(w.gateway.http, other.client_id, other.secret, &r), 200);
	allow_client(HERE);
	expect_no_token();
	allow_organization(HERE);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
}

/* Another caller of the same gateway. */
static int token_from(const char *address)
{
	static struct http_conn conn;
	char form[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	const struct http_request q = {.path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .body = form};
	cr_assert(http_open_from(&conn, address, w.gateway.http));
	int status = http_call_on(&conn, &q, &r);
	http_close(&conn);
	return status;
}

Test(networks, each_request_is_looked_at_by_its_own_address)
{
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--allow-network", "127.0.0.4/31", "--allow-network", "::ffff:127.0.0.9",
		  "--allow-network", "127.0.0.9");
	cr_expect_str_eq(sql_text(world_db(&w), "select allowed_networks from m2m.client"), "{127.0.0.4/31,127.0.0.9/32}");
	expect_status(token_from("127.0.0.3"), 403);
	expect_status(token_from("127.0.0.4"), 200);
	expect_status(token_from("127.0.0.5"), 200);
	expect_status(token_from("127.0.0.6"), 403);
	expect_status(token_from("127.0.0.9"), 200);
}

/* ---- bearers ---- */

/* On every route of an organization, whoever's bearer it is. */
static void expect_nothing_opens(const char *bearer)
{
	expect_problem(get(&w, "/m2m/client-id", bearer, &r));
	expect_problem(get(&w, "/m2m/client-secret", bearer, &r));
	expect_problem(get(&w, "/m2m/audit/tokens", bearer, &r));
	expect_problem(rotate(&w, bearer, 0, &r));
	expect_problem(m2m_token(&w, bearer, acme.client_id, acme.secret, &r));
	cr_expect_eq(grpc_get_id(&w, bearer, NULL, &g), REFUSED);
	cr_expect_eq(grpc_get_secret(&w, bearer, NULL, &g), REFUSED);
	cr_expect_eq(grpc_rotate(&w, bearer, 0, NULL, &g), REFUSED);
	cr_expect_eq(grpc_token(&w, bearer, acme.client_id, acme.secret, NULL, &g), REFUSED);
	cr_expect_eq(sql_int(world_db(&w), "select max(version) from m2m.client_secret"), 1);
}

static void expect_all_opens(const char *bearer)
{
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
	expect_status(get(&w, "/m2m/audit/tokens", bearer, &r), 200);
	expect_status(m2m_token(&w, bearer, acme.client_id, acme.secret, &r), 200);
	cr_expect_eq(grpc_get_secret(&w, bearer, NULL, &g), 0);
}

Test(networks, an_access_token_opens_nothing_from_elsewhere)
{
	allow_client(ELSEWHERE);
	expect_nothing_opens(token);
	allow_client("any");
	expect_all_opens(token);
	allow_organization(ELSEWHERE);
	expect_nothing_opens(token);
	allow_organization(HERE);
	expect_all_opens(token);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where outcome = 'network_not_allowed'"
			     " and action = 'rotate_secret' and client_id = '%s'",
			     acme.client_id),
		     4);
}

Test(networks, an_operator_s_token_for_the_organization_is_held_to_its_networks)
{
	allow_client(ELSEWHERE);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	allow_client("any");
	allow_organization(ELSEWHERE);
	expect_nothing_opens(admin);
	allow_organization(HERE);
	expect_all_opens(admin);
}

Test(networks, what_stands_above_the_organization_is_not)
{
	char path[256];
	allow_organization(ELSEWHERE);
	allow_client(ELSEWHERE);
	world_ctl(&w, &ran, "client", "secret", "--org", "acme");
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme");
	snprintf(path, sizeof path, ORGS "/acme/clients/%s/secret", acme.client_id);
	expect_status(operate("GET", path, NULL), 200);
	snprintf(path, sizeof path, ORGS "/acme/clients/%s/rotate", acme.client_id);
	expect_status(operate("POST", path, NULL), 200);
	expect_status(operate("PATCH", ORGS "/acme", "{\"allowed_networks\":null}"), 200);
}

/* The repeat of a rotation gives the secret again, to a bearer that it has itself ended. */
Test(networks, an_idempotent_repeat_gives_nothing_away_elsewhere)
{
	const struct http_request q = {
		.path = "/m2m/rotate", .bearer = token, .type = "application/json", .body = "{}", .headers = "Idempotency-Key: k\r\n"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	allow_client(ELSEWHERE);
	expect_problem(http_call(w.gateway.http, &q, &r));
	cr_expect_not(body_has("m2ms_"), "%s", r.body);
}

/* ---- what the audit says ---- */

static int64_t denied(const char *client_id)
{
	return sql_int(world_db(&w),
		       "select coalesce(sum(attempts), 0) from m2m.attempts_from_elsewhere where client_id is not distinct from %s%s%s"
		       " and remote_addr = '127.0.0.1'",
		       client_id == NULL ? "null" : "'", client_id == NULL ? "" : client_id, client_id == NULL ? "" : "'");
}

Test(networks, an_auditor_learns_whose_right_secret_came_from_elsewhere)
{
	char other_id[40], other_secret[SECRET_MAX], metrics[64];
	struct org second = {.slug = "acme"};
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--role", "admin", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", other_id, sizeof other_id);
	ctl_value(&ran, "M2M_CLIENT_SECRET", other_secret, sizeof other_secret);
	snprintf(second.client_id, sizeof second.client_id, "%.31s", other_id);
	snprintf(second.secret, sizeof second.secret, "%s", other_secret);
	allow_client(ELSEWHERE);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 403);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 403);
	expect_status(get(&w, "/m2m/client-id", token, &r), 403);
	/* the bearer is at fault, and not the client whose secret nobody may conclude to have
	 * leaked */
	expect_status(m2m_token(&w, token, second.client_id, second.secret, &r), 403);
	cr_expect(is_problem(&r, "network_not_allowed"), "%s", r.body);
	allow_organization(ELSEWHERE);
	expect_status(get(&w, "/m2m/client-id", admin, &r), 403);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	snprintf(metrics, sizeof metrics, "m2m_denied_attempts_total{reason=\"network_not_allowed\"} 5\n");
	cr_expect(body_has(metrics), "%s", r.body);
	gateway_stop(&w.gateway, 15000); /* it writes what it has counted */
	cr_expect_eq(denied(acme.client_id), 4);
	cr_expect_eq(denied(other_id), 0);
	cr_expect_eq(denied(NULL), 1);
	cr_expect_str_eq(sql_text(world_db(&w), "select distinct reason from m2m.denied_audit"), "network_not_allowed");
}

/* ---- the operator's API ---- */

Test(networks, the_operator_s_api_takes_and_shows_them)
{
	char path[256], id[64];
	expect_status(operate("POST", ORGS,
			      "{\"slug\":\"beta\",\"allowed_networks\":[\"127.0.0.0/8\",\"2001:DB8::/32\"],"
			      "\"client\":{\"allowed_networks\":[\"192.0.2.7\"]}}"),
		      201);
	cr_expect(body_has("\"allowed_networks\":[\"127.0.0.0/8\",\"2001:db8::/32\"]"), "%s", r.body);
	body_text(&r, "client_id", id, sizeof id);
	snprintf(path, sizeof path, ORGS "/beta/clients/%s", id);
	expect_status(operate("GET", path, NULL), 200);
	cr_expect(body_has("\"allowed_networks\":[\"192.0.2.7/32\"]"), "%s", r.body);
	expect_status(operate("PATCH", path, "{\"name\":\"n\"}"), 200);
	cr_expect(body_has("\"allowed_networks\":[\"192.0.2.7/32\"]"), "what isn't given stays: %s", r.body);
	expect_status(operate("PATCH", path, "{\"allowed_networks\":[\"10.0.0.0/8\",\"10.0.0.0/8\",\"::ffff:10.0.0.0/104\"]}"), 200);
	cr_expect(body_has("\"allowed_networks\":[\"10.0.0.0/8\"]"), "%s", r.body);
	expect_status(operate("PATCH", path, "{\"allowed_networks\":null}"), 200);
	cr_expect(body_has("\"allowed_networks\":null"), "%s", r.body);
	expect_status(operate("GET", ORGS "/beta", NULL), 200);
	cr_expect(body_has("\"allowed_networks\":[\"127.0.0.0/8\",\"2001:db8::/32\"]"), "%s", r.body);
	expect_status(operate("PATCH", ORGS "/beta", "{\"allowed_networks\":null}"), 200);
	cr_expect(body_has("\"allowed_networks\":null"), "%s", r.body);
	expect_status(operate("POST", ORGS "/beta/clients", "{\"allowed_networks\":[\"::1/128\"]}"), 201);
	cr_expect(body_has("\"allowed_networks\":[\"::1/128\"]"), "%s", r.body);
	expect_status(operate("POST", ORGS "/beta/clients", "{\"allowed_networks\":null}"), 201);
	cr_expect(body_has("\"allowed_networks\":null"), "%s", r.body);
}

Test(networks, the_operator_s_api_says_what_is_wrong_with_one)
{
	static const struct {
		const char *value, *says;
	} bad[] = {
		{"[\"192.0.2.7/24\"]", "allowed_networks: 192.0.2.7/24 has bits set behind its prefix; the network is 192.0.2.0/24."},
		{"[\"::ffff:192.0.2.7/120\"]", "the network is 192.0.2.0/24."},
		{"[\"10.0.0.0/8\",\"acme\"]", "allowed_networks: acme is no network in CIDR form"},
		{"[\"any\"]", "any is no network"},
		{"[\"10.0.0.0/33\"]", "10.0.0.0/33 is no network"},
		{"[\"\\u001b[2J\"]", "%1B[2J is no network"},
		{"[]", "allowed_networks must be a list of 1 to 64 networks, or null for any."},
		{"\"10.0.0.0/8\"", "allowed_networks is of the wrong type"},
		{"[7]", "allowed_networks is of the wrong type"},
	};
	char body[256], path[256];
	snprintf(path, sizeof path, ORGS "/acme/clients/%s", acme.client_id);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(body, sizeof body, "{\"allowed_networks\":%s}", bad[i].value);
		int status = operate("PATCH", path, body);
		cr_expect(status == 400 && body_has(bad[i].says), "%s: %s", body, r.body);
		status = operate("PATCH", ORGS "/acme", body);
		cr_expect(status == 400 && body_has(bad[i].says), "%s: %s", body, r.body);
		snprintf(body, sizeof body, "{\"slug\":\"x\",\"client\":{\"allowed_networks\":%s}}", bad[i].value);
		status = operate("POST", ORGS, body);
		cr_expect(status == 400, "%s: %s", body, r.body);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where allowed_networks is not null"), 0);
}
