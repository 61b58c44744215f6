/* Portal links and sessions, as a platform's backend and a browser use them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define CODE_LEN 43

static struct world w;
static struct org acme, other;
static char platform[TOKEN_MAX], admin[TOKEN_MAX];
static struct http_reply r;
static struct ctl_result ran;
static const char origin[] = "https://issuer.test";

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
	mint_platform(all, "backend", platform);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(platform), KEPT(admin));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(portal, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- words ---- */

static int make_link(const char *bearer, const char *org, const char *may)
{
	char path[128], body[512];
	snprintf(path, sizeof path, "/admin/organizations/%s/portal-links", org);
	snprintf(body, sizeof body,
		 "{\"actor\":\"Ada Lovelace <ada@example.com>\",\"may\":[%s],\"return_url\":\"https://example.com/back\"}", may);
	return post_json(&w, path, bearer, body, &r);
}

/* What stands behind the '#' of a link's URL. */
static void code_of(char out[CODE_LEN + 1])
{
	char url[512];
	body_text(&r, "url", url, sizeof url);
	const char *hash = strchr(url, '#');
	cr_assert(hash != NULL && strlen(hash + 1) == CODE_LEN, "%s", r.body);
	memcpy(out, hash + 1, CODE_LEN + 1);
}

static void new_code(const char *org, const char *may, char out[CODE_LEN + 1])
{
	expect_status(make_link(platform, org, may), 201);
	code_of(out);
}

static int open_at(uint16_t port, const char *code, const char *from, struct http_reply *reply)
{
	char body[128], headers[256];
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	snprintf(headers, sizeof headers, "X-M2M-Portal: 1\r\nOrigin: %s\r\n", from);
	return http_call(port,
			 &(struct http_request){.path = "/portal/session", .type = "application/json", .body = body, .headers = headers},
			 reply);
}

struct session {
	char token[CODE_LEN + 1];
};

static void take_cookie(struct session *s)
{
	char cookie[256];
	http_header(&r, "Set-Cookie", cookie, sizeof cookie);
	const char *value = strchr(cookie, '=');
	cr_assert(value != NULL && strlen(value + 1) > CODE_LEN, "%s", r.head);
	snprintf(s->token, sizeof s->token, "%.*s", CODE_LEN, value + 1);
}

static void new_session(const char *org, const char *may, struct session *s)
{
	char code[CODE_LEN + 1];
	new_code(org, may, code);
	expect_status(open_at(w.gateway.http, code, origin, &r), 201);
	take_cookie(s);
}

/* As the page's script asks: `more` are further header lines. */
static int ask_with(const struct session *s, const char *method, const char *path, const char *body, const char *more)
{
	char headers[512];
	snprintf(headers, sizeof headers, "Cookie: theme=dark; __Host-m2m_session=%s\r\n%s", s->token, more);
	return http_call(
		w.gateway.http,
		&(struct http_request){
			.method = method, .path = path, .type = body == NULL ? NULL : "application/json", .body = body, .headers = headers},
		&r);
}

static int ask(const struct session *s, const char *method, const char *path, const char *body)
{
	char own[128];
	snprintf(own, sizeof own, "X-M2M-Portal: 1\r\nOrigin: %s\r\n", origin);
	return ask_with(s, method, path, body, own);
}

static long acts(const char *action, const char *outcome)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s'", action, outcome);
}

/* And of those, a session's. */
static long by_person(const char *action, const char *outcome)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and actor like 'portal:%%'", action,
		       outcome);
}

/* ---- a link ---- */

Test(portal, a_link_s_code_opens_a_session_once)
{
	char code[CODE_LEN + 1], text[256];
	new_code("acme", "\"reveal\"", code);
	expect_status(open_at(w.gateway.http, code, origin, &r), 201);
	cr_expect(strstr(r.body, "\"name\":\"acme\"") != NULL && strstr(r.body, acme.id) != NULL, "%s", r.body);
	cr_expect(strstr(r.body, "\"may\":[\"read\",\"reveal\"]") != NULL, "%s", r.body);
	cr_expect_str_eq(body_text(&r, "actor", text, sizeof text), "Ada Lovelace <ada@example.com>");
	cr_expect_str_eq(body_text(&r, "return_url", text, sizeof text), "https://example.com/back");
	expect_status(open_at(w.gateway.http, code, origin, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	cr_expect_eq(acts("make_portal_link", "granted"), 1);
	cr_expect_eq(acts("open_portal_session", "granted"), 1);
	cr_expect_eq(acts("open_portal_session", "invalid_token"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where actor = 'portal:Ada Lovelace <ada@example.com>'"),
		     2);
}

Test(portal, the_cookie_is_for_this_host_and_its_pages_alone)
{
	char text[256];
	struct session s;
	new_session("acme", "", &s);
	http_header(&r, "Set-Cookie", text, sizeof text);
	cr_expect_eq(strncmp(text, "__Host-m2m_session=", 19), 0, "%s", text);
	cr_expect_str_eq(text + 19 + CODE_LEN, "; Path=/; Secure; HttpOnly; SameSite=Strict");
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "no-store");
	cr_expect_str_eq(http_header(&r, "Location", text, sizeof text), "");
	expect_status(ask(&s, "GET", "/portal/session", NULL), 200);
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "no-store");
	cr_expect_str_eq(http_header(&r, "Set-Cookie", text, sizeof text), "");
	expect_status(ask(&s, "DELETE", "/portal/session", NULL), 204);
	cr_expect_str_eq(http_header(&r, "Set-Cookie", text, sizeof text),
			 "__Host-m2m_session=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "no-store");
	expect_status(ask(&s, "GET", "/portal/session", NULL), 401);
	cr_expect_eq(acts("end_portal_session", "granted"), 1);
}

Test(portal, a_late_code_opens_nothing)
{
	char code[CODE_LEN + 1];
	new_code("acme", "", code);
	sql_exec(world_db(&w),
		 "update m2m.portal_link set made_at = now() - interval '5 minutes', expires_at = now() - interval '1 second'");
	expect_status(open_at(w.gateway.http, code, origin, &r), 401);
	expect_status(open_at(w.gateway.http, "not-a-code", origin, &r), 401);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session"), 0);
}

Test(portal, a_disabled_organization_s_links_and_sessions_open_nothing)
{
	char code[CODE_LEN + 1];
	struct session s;
	new_session("acme", "", &s);
	new_code("acme", "", code);
	world_ctl(&w, &ran, "org", "disable", "acme");
	expect_status(open_at(w.gateway.http, code, origin, &r), 401);
	expect_status(ask(&s, "GET", "/portal/session", NULL), 401);
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 401);
	expect_status(make_link(platform, "acme", ""), 409);
	expect_status(make_link(admin, "acme", ""), 401);
	world_ctl(&w, &ran, "org", "enable", "acme");
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 200);
}

struct racer {
	uint16_t port;
	const char *code;
	struct http_reply reply;
	int status;
};

static void *race(void *arg)
{
	struct racer *racer = arg;
	racer->status = open_at(racer->port, racer->code, origin, &racer->reply);
	return NULL;
}

Test(portal, of_two_daemons_that_get_a_code_at_once_one_opens_a_session)
{
	struct gateway second = {.pid = 0};
	static struct racer racers[8];
	char code[CODE_LEN + 1];
	pthread_t threads[8];
	gateway_start(&second, &w.gateway_env);
	for (int round = 0; round < 5; round++) {
		int opened = 0;
		new_code("acme", "", code);
		for (int i = 0; i < 8; i++) {
			racers[i].port = i % 2 == 0 ? w.gateway.http : second.http;
			racers[i].code = code;
			cr_assert_eq(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
		}
		for (int i = 0; i < 8; i++) {
			pthread_join(threads[i], NULL);
			cr_expect(racers[i].status == 201 || racers[i].status == 401, "%d: %s", racers[i].status, racers[i].reply.body);
			opened += racers[i].status == 201;
		}
		cr_expect_eq(opened, 1, "%d sessions of one code", opened);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session"), 5);
	gateway_stop(&second, 10000);
}

Test(portal, a_link_opens_no_more_than_its_maker_may)
{
	char member[TOKEN_MAX];
	struct session s;
	mint(&w, "acme", "member", member);
	expect_status(make_link(admin, "acme", "\"reveal\",\"rotate\",\"audit\""), 201);
	expect_status(make_link(admin, "acme", "\"clients\""), 403);
	expect_status(make_link(admin, "other", ""), 403);
	expect_status(make_link(member, "acme", ""), 403);
	expect_status(make_link(NULL, "acme", ""), 401);
	expect_status(make_link(platform, "acme", "\"clients\""), 201);
	expect_status(make_link(platform, "nobody", ""), 404);
	new_session("acme", "\"reveal\",\"rotate\",\"clients\",\"audit\"", &s);
	expect_status(ask(&s, "POST", "/admin/organizations/acme/portal-links", "{\"actor\":\"Eve\",\"may\":[\"read\"]}"), 403);
	cr_expect_eq(acts("make_portal_link", "forbidden"), 4);
}

Test(portal, a_link_with_a_strange_member_is_refused)
{
	static const char *const bodies[] = {
		"{\"may\":[\"read\"]}",
		"{\"actor\":\"\",\"may\":[]}",
		"{\"actor\":\"a\\u0007b\"}",
		"{\"actor\":\"a\",\"may\":[\"all\"]}",
		"{\"actor\":\"a\",\"may\":\"read\"}",
		"{\"actor\":\"a\",\"return_url\":\"javascript:alert(1)\"}",
		"{\"actor\":\"a\",\"return_url\":\"/back\"}",
		"{\"actor\":\"a\",\"ttl\":9}",
		"{\"actor\":\"a\",\"ttl\":301}",
		"{\"actor\":\"a\",\"role\":\"admin\"}",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		int status = post_json(&w, "/admin/organizations/acme/portal-links", platform, bodies[i], &r);
		cr_expect_eq(status, 400, "%s: %d", bodies[i], status);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_link"), 0);
}

/* ---- a session ---- */

Test(portal, the_cookie_alone_does_nothing)
{
	char own[160];
	struct session s;
	new_session("acme", "\"reveal\",\"rotate\",\"clients\",\"audit\"", &s);
	snprintf(own, sizeof own, "Origin: %s\r\n", origin);
	const char *const forged[] = {
		"",
		own,
		"Origin: https://evil.example\r\nX-M2M-Portal: 1\r\n",
		"Origin: null\r\nX-M2M-Portal: 1\r\n",
		"Sec-Fetch-Site: cross-site\r\nX-M2M-Portal: 1\r\n",
		"Sec-Fetch-Site: same-site\r\nX-M2M-Portal: 1\r\n",
		"X-M2M-Portal: yes\r\nSec-Fetch-Site: same-origin\r\n",
	};
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		cr_expect_eq(ask_with(&s, "GET", "/m2m/client-secret", NULL, forged[i]), 403, "%s", forged[i]);
		cr_expect_not(strstr(r.body, acme.secret) != NULL);
		cr_expect_eq(ask_with(&s, "POST", "/m2m/rotate", NULL, forged[i]), 403, "%s", forged[i]);
		cr_expect_eq(ask_with(&s, "DELETE", "/portal/session", NULL, forged[i]), 403, "%s", forged[i]);
	}
	/* what changes something needs the Origin itself */
	expect_status(ask_with(&s, "POST", "/m2m/rotate", NULL, "X-M2M-Portal: 1\r\nSec-Fetch-Site: same-origin\r\n"), 403);
	expect_status(ask_with(&s, "GET", "/m2m/client-id", NULL, "X-M2M-Portal: 1\r\nSec-Fetch-Site: same-origin\r\n"), 200);
	expect_status(ask_with(&s, "GET", "/m2m/client-id", NULL, "X-M2M-Portal: 1\r\n"), 200);
	expect_status(http_call(w.gateway.http, &(struct http_request){.path = "/m2m/client-id", .headers = "X-M2M-Portal: 1\r\n"}, &r),
		      401);
	cr_expect_eq(sql_int(world_db(&w), "select max(version) from m2m.client_secret where client_id = '%s'", acme.client_id), 1);
}

Test(portal, a_code_isn_t_taken_from_elsewhere)
{
	char code[CODE_LEN + 1], body[128];
	new_code("acme", "", code);
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	expect_status(open_at(w.gateway.http, code, "https://evil.example", &r), 403);
	expect_status(
		http_call(w.gateway.http, &(struct http_request){.path = "/portal/session", .type = "application/json", .body = body}, &r),
		403);
	expect_status(open_at(w.gateway.http, code, origin, &r), 201);
}

struct attempt {
	const char *right, *method, *path, *body;
};

Test(portal, each_right_opens_what_it_names_and_nothing_else)
{
	static const char *const rights[] = {"read", "reveal", "rotate", "clients", "audit"};
	char clients[128], secret[192], rotation[192], credentials[192];
	snprintf(clients, sizeof clients, "/admin/organizations/%s/clients", acme.id);
	snprintf(secret, sizeof secret, "%s/%s/secret", clients, acme.client_id);
	snprintf(rotation, sizeof rotation, "%s/%s/rotate", clients, acme.client_id);
	snprintf(credentials, sizeof credentials, "%s/%s/credentials", clients, acme.client_id);
	const struct attempt attempts[] = {
		{"read", "GET", "/m2m/client-id", NULL},
		{"read", "GET", "/m2m/secrets", NULL},
		{"read", "GET", "/m2m/rotation", NULL},
		{"read", "GET", clients, NULL},
		{"read", "GET", credentials, NULL},
		{"reveal", "GET", "/m2m/client-secret", NULL},
		{"reveal", "GET", secret, NULL},
		{"rotate", "POST", "/m2m/rotate", "{}"},
		{"rotate", "POST", rotation, "{}"},
		{"clients", "POST", credentials, "{\"kind\":\"workload\",\"issuer\":\"https://ci.example.com\",\"subject\":\"repo:a/b\"}"},
		{"audit", "GET", "/m2m/audit/tokens", NULL},
		{"none", "POST", "/m2m/token", "{\"grant_type\":\"client_credentials\"}"},
		{"none", "GET", "/admin/organizations", NULL},
		{"none", "GET", "/admin/organizations/acme", NULL},
		{"none", "PATCH", "/admin/organizations/acme", "{\"disabled\":true}"},
		{"none", "DELETE", "/admin/organizations/acme", NULL},
		{"none", "POST", clients, "{}"},
		{"none", "GET", "/admin/organizations/acme/portal-sessions", NULL},
	};
	for (size_t right = 0; right < 5; right++) {
		struct session s;
		char may[32];
		snprintf(may, sizeof may, "\"%s\"", rights[right]);
		new_session("acme", may, &s);
		for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
			const struct attempt *a = &attempts[i];
			bool opens = strcmp(a->right, "read") == 0 || strcmp(a->right, rights[right]) == 0;
			int status = ask(&s, a->method, a->path, a->body);
			cr_expect_eq(status / 100 == 2, opens, "%s: %s %s: %d %s", rights[right], a->method, a->path, status, r.body);
			cr_expect(opens || status == 403, "%s: %s %s: %d", rights[right], a->method, a->path, status);
		}
	}
	/* and each is recorded with who did it */
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.secrets_read where outcome = 'granted'"
					   " and actor = 'portal:Ada Lovelace <ada@example.com>'"),
		     2);
	cr_expect_eq(by_person("rotate_secret", "granted"), 2);
	cr_expect_eq(by_person("add_workload", "granted"), 1);
	/* refused or not */
	cr_expect_eq(by_person("read_secret", "forbidden"), 8);
	cr_expect_eq(by_person("rotate_secret", "forbidden"), 8);
	cr_expect_eq(by_person("add_workload", "forbidden"), 4);
	/* and what no right opens */
	cr_expect_eq(by_person("disable_organization", "forbidden"), 5);
	cr_expect_eq(by_person("delete_organization", "forbidden"), 5);
	cr_expect_eq(by_person("create_client", "forbidden"), 5);
}

/* However often and at whatever length it is asked. */
Test(portal, what_a_session_may_not_do_doesn_t_fill_the_audit)
{
	char body[4096], slug[4000];
	struct session s;
	new_session("acme", "\"read\"", &s);
	memset(slug, 'a', sizeof slug);
	slug[sizeof slug - 1] = '\0';
	snprintf(body, sizeof body, "{\"slug\":\"%s\"}", slug);
	for (int i = 0; i < 60; i++)
		expect_status(ask(&s, "POST", "/admin/organizations", body), 403);
	int64_t rows = by_person("create_organization", "forbidden");
	cr_expect(rows >= 10 && rows <= 20, "%ld rows", (long)rows);
	cr_expect_eq(sql_int(world_db(&w), "select max(length(detail->>'slug')) from m2m.admin_audit where outcome = 'forbidden'"), 64);
}

Test(portal, a_session_is_of_one_organization)
{
	char path[160], wanted[64];
	struct session s;
	new_session("acme", "\"reveal\",\"rotate\",\"clients\",\"audit\"", &s);
	snprintf(wanted, sizeof wanted, "%s-other", acme.id);
	snprintf(path, sizeof path, "/admin/organizations/other/clients/%s/secret", other.client_id);
	expect_status(ask(&s, "GET", path, NULL), 403);
	cr_expect_str_eq(sql_text(world_db(&w), "select organization_id::text || coalesce(client_id, '-') || (detail->>'slug')"
						" from m2m.admin_audit where action = 'read_secret' and outcome = 'forbidden'"),
			 wanted, "it is recorded as its own organization's");
	expect_status(ask(&s, "GET", "/admin/organizations/other/clients", NULL), 403);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/secret", other.client_id);
	expect_status(ask(&s, "GET", path, NULL), 404);
	expect_status(ask(&s, "GET", "/m2m/client-secret", NULL), 200);
	cr_expect(strstr(r.body, acme.secret) != NULL, "%s", r.body);
}

Test(portal, a_session_ends_when_it_is_idle_for_an_hour_or_a_day_old)
{
	struct session s;
	new_session("acme", "", &s);
	sql_exec(world_db(&w), "alter table m2m.portal_session disable trigger portal_is_final;"
			       "update m2m.portal_session set last_used_at = now() - interval '59 minutes'");
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session where last_used_at > now() - interval '50 minutes'"), 1,
		     "each use begins the hour anew");
	sql_exec(world_db(&w), "update m2m.portal_session set last_used_at = now() - interval '61 minutes'");
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);

	new_session("acme", "", &s);
	sql_exec(world_db(&w), "update m2m.portal_session set made_at = now() - interval '25 hours', expires_at = now() - interval '1 hour'"
			       " where last_used_at > now() - interval '5 minutes'");
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 401);
}

Test(portal, a_session_s_use_is_noted_once_a_minute)
{
	struct session s;
	new_session("acme", "", &s);
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session where last_used_at = made_at"), 1);
}

Test(portal, a_session_outlives_the_platform_s_signing_key)
{
	struct session s;
	new_session("acme", "", &s);
	world_ctl(&w, &ran, "key", "rotate");
	expect_status(ask(&s, "GET", "/m2m/client-id", NULL), 200);
}

Test(portal, the_platform_lists_and_ends_sessions)
{
	char path[160], id[64];
	struct session s, another;
	new_session("acme", "", &s);
	new_session("other", "", &another);
	expect_status(get(&w, "/admin/organizations/acme/portal-sessions", platform, &r), 200);
	cr_expect(strstr(r.body, "Ada Lovelace") != NULL && strstr(r.body, other.id) == NULL, "%s", r.body);
	snprintf(id, sizeof id, "%s",
		 sql_text(world_db(&w), "select session_id from m2m.portal_session where organization_id = '%s'", acme.id));
	snprintf(path, sizeof path, "/admin/organizations/other/portal-sessions/%s", id);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "DELETE", .path = path, .bearer = platform}, &r), 404);
	snprintf(path, sizeof path, "/admin/organizations/acme/portal-sessions/%s", id);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "DELETE", .path = path, .bearer = platform}, &r), 204);
	expect_status(ask(&s, "GET", "/portal/session", NULL), 401);
	expect_status(ask(&another, "GET", "/portal/session", NULL), 200);
	expect_status(get(&w, "/admin/organizations/acme/portal-sessions", admin, &r), 403);
}

Test(portal, m2mctl_makes_links_and_lists_and_ends_sessions)
{
	struct session s;
	char code[CODE_LEN + 1];
	world_ctl(&w, &ran, "portal", "link", "acme", "--actor", "Grace Hopper", "--may", "audit", "--return-url", "https://example.com/",
		  "--output", "env");
	const char *hash = strstr(ran.out, "/portal#");
	cr_assert(hash != NULL, "%s", ran.out);
	snprintf(code, sizeof code, "%.*s", CODE_LEN, hash + strlen("/portal#"));
	expect_status(open_at(w.gateway.http, code, origin, &r), 201);
	take_cookie(&s);
	expect_status(ask(&s, "GET", "/m2m/audit/tokens", NULL), 200);
	expect_status(ask(&s, "GET", "/m2m/client-secret", NULL), 403);
	world_ctl(&w, &ran, "portal", "sessions", "acme");
	cr_expect(strstr(ran.out, "Grace Hopper") != NULL && strstr(ran.out, "read audit") != NULL, "%s", ran.out);
	world_ctl(&w, &ran, "portal", "end", "acme", "--all", "--output", "json");
	cr_expect(strstr(ran.out, "1") != NULL, "%s", ran.out);
	expect_status(ask(&s, "GET", "/portal/session", NULL), 401);
}

static int grpc_portal(const char *path, const char *bearer, const struct pb *m, struct grpc_reply *reply)
{
	return grpc_call(w.gateway.grpc, &(struct grpc_request){.path = path, .bearer = bearer, .message = m}, reply);
}

Test(portal, links_are_made_and_sessions_ended_over_grpc)
{
	static struct grpc_reply reply;
	static struct pb m;
	struct session s;
	char url[512];
	m.n = 0;
	pb_put_text(&m, 1, "acme");
	pb_put_text(&m, 2, "Grace Hopper");
	pb_put_text(&m, 3, "audit");
	cr_assert_eq(grpc_portal("/m2m.v1.M2MClients/CreatePortalLink", platform, &m, &reply), 0);
	const char *hash = strchr(pb_text(grpc_message(&reply, 0, NULL), 1, url, sizeof url), '#');
	cr_assert(hash != NULL, "%s", url);
	expect_status(open_at(w.gateway.http, hash + 1, origin, &r), 201);
	take_cookie(&s);
	expect_status(ask(&s, "GET", "/m2m/audit/tokens", NULL), 200);
	m.n = 0;
	pb_put_text(&m, 1, "acme");
	pb_put_text(&m, 2, sql_text(world_db(&w), "select session_id from m2m.portal_session"));
	cr_expect_eq(grpc_portal("/m2m.v1.M2MClients/EndPortalSession", admin, &m, &reply), 7, "it is the platform's");
	cr_expect_eq(grpc_portal("/m2m.v1.M2MClients/EndPortalSession", platform, &m, &reply), 0);
	expect_status(ask(&s, "GET", "/portal/session", NULL), 401);
}

Test(portal, a_bearer_beside_the_cookie_is_the_caller)
{
	struct session s;
	char more[TOKEN_MAX + 64];
	new_session("acme", "", &s);
	snprintf(more, sizeof more, "Authorization: Bearer %s\r\n", admin);
	char headers[TOKEN_MAX + 256];
	snprintf(headers, sizeof headers, "Cookie: __Host-m2m_session=%s\r\n%s", s.token, more);
	expect_status(http_call(w.gateway.http, &(struct http_request){.path = "/m2m/client-secret", .headers = headers}, &r), 200);
}

Test(portal, neither_code_nor_token_nor_secret_is_in_the_log)
{
	char code[CODE_LEN + 1];
	struct session s;
	new_code("acme", "\"reveal\"", code);
	expect_status(open_at(w.gateway.http, code, origin, &r), 201);
	take_cookie(&s);
	expect_status(ask(&s, "GET", "/m2m/client-secret", NULL), 200);
	expect_status(open_at(w.gateway.http, code, origin, &r), 401);
	expect_status(ask(&s, "DELETE", "/portal/session", NULL), 204);
	gateway_log_wait(&w.gateway, "\"operation\":\"close_portal_session\"", 1, NULL, 0);
	cr_expect_eq(gateway_log_count(&w.gateway, code, NULL, 0), 0);
	cr_expect_eq(gateway_log_count(&w.gateway, s.token, NULL, 0), 0);
	cr_expect_eq(gateway_log_count(&w.gateway, acme.secret, NULL, 0), 0);
	const char *kept = sql_text(world_db(&w), "select l::text || s::text from m2m.portal_link l, m2m.portal_session s");
	cr_expect(strstr(kept, code) == NULL && strstr(kept, s.token) == NULL);
}

/* ---- the organization's networks ---- */

static void allow(const char *network)
{
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", network);
}

Test(portal, a_session_is_opened_and_used_from_its_organization_s_networks_alone)
{
	char code[CODE_LEN + 1], credentials[192];
	char used_at[64];
	struct session s;
	snprintf(credentials, sizeof credentials, "/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	new_session("acme", "\"reveal\",\"rotate\",\"clients\",\"audit\"", &s);
	new_code("acme", "", code);
	allow("192.0.2.0/24");
	sql_exec(world_db(&w), "alter table m2m.portal_session disable trigger portal_is_final;"
			       "update m2m.portal_session set last_used_at = now() - interval '5 minutes'");
	snprintf(used_at, sizeof used_at, "%s", sql_text(world_db(&w), "select last_used_at from m2m.portal_session"));
	const struct attempt attempts[] = {
		{NULL, "GET", "/portal/session", NULL},
		{NULL, "GET", "/m2m/client-id", NULL},
		{NULL, "GET", "/m2m/secrets", NULL},
		{NULL, "GET", "/m2m/audit/tokens", NULL},
		{NULL, "GET", "/admin/organizations/acme/clients", NULL},
		{NULL, "GET", credentials, NULL},
		{NULL, "GET", "/m2m/client-secret", NULL},
		{NULL, "POST", "/m2m/rotate", "{}"},
		{NULL, "PATCH", "/m2m/rotation", "{\"grace_seconds\":60}"},
		{NULL, "DELETE", "/m2m/rotation", NULL},
		{NULL, "POST", credentials, "{\"kind\":\"workload\",\"issuer\":\"https://ci.example.com\",\"subject\":\"repo:a/b\"}"},
	};
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		int status = ask(&s, attempts[i].method, attempts[i].path, attempts[i].body);
		cr_expect(status == 403 && is_problem(&r, "network_not_allowed"), "%s %s: %d %s", attempts[i].method, attempts[i].path,
			  status, r.body);
	}
	expect_status(open_at(w.gateway.http, code, origin, &r), 403);
	cr_expect(is_problem(&r, "network_not_allowed"), "%s", r.body);
	cr_expect_eq(by_person("read_secret", "network_not_allowed"), 1);
	cr_expect_eq(by_person("rotate_secret", "network_not_allowed"), 1);
	cr_expect_eq(by_person("prolong_grace", "network_not_allowed"), 1);
	cr_expect_eq(by_person("cancel_grace", "network_not_allowed"), 1);
	cr_expect_eq(by_person("add_workload", "network_not_allowed"), 1);
	cr_expect_eq(by_person("open_portal_session", "network_not_allowed"), 1);
	cr_expect_str_eq(sql_text(world_db(&w), "select last_used_at from m2m.portal_session"), used_at, "a refused use is none");
	allow("127.0.0.0/8");
	expect_status(ask(&s, "GET", "/m2m/client-secret", NULL), 200);
	expect_status(open_at(w.gateway.http, code, origin, &r), 201);
}

/* ---- a session's end, among acts that are under way ---- */

#define ACTORS    6
#define CALLS_MAX 4000

struct call {
	int64_t begin, end;
	int status;
};

struct person {
	pthread_t id;
	unsigned n;
	uint16_t port;
	const struct session *session;
	struct call calls[CALLS_MAX];
	unsigned calls_n;
	struct http_reply reply;
};

static struct person persons[ACTORS];
static char credentials_path[192];

/* What changes or reveals something, each in its turn. */
static struct http_request act_of(unsigned turn, const char *headers)
{
	switch (turn % 4) {
	case 0:
		return (struct http_request){.method = "GET", .path = "/m2m/client-secret", .headers = headers};
	case 1:
		return (struct http_request){.method = "POST",
					     .path = "/m2m/rotate",
					     .type = "application/json",
					     .body = "{\"grace_seconds\":60}",
					     .headers = headers};
	case 2:
		return (struct http_request){.method = "DELETE", .path = "/m2m/rotation", .headers = headers};
	default:
		return (struct http_request){.method = "POST",
					     .path = credentials_path,
					     .type = "application/json",
					     .body = "{\"kind\":\"workload\",\"issuer\":\"https://ci.example.com\",\"subject\":\"a\"}",
					     .headers = headers};
	}
}

/* Until the session is refused. */
static void *act_on(void *arg)
{
	struct person *p = arg;
	static _Thread_local struct http_conn conn;
	char headers[256];
	snprintf(headers, sizeof headers, "Cookie: __Host-m2m_session=%s\r\nX-M2M-Portal: 1\r\nOrigin: %s\r\n", p->session->token, origin);
	if (!http_open(&conn, p->port))
		return NULL;
	for (p->calls_n = 0; p->calls_n < CALLS_MAX;) {
		struct call *call = &p->calls[p->calls_n++];
		const struct http_request q = act_of(p->n + p->calls_n, headers);
		call->begin = clock_mono_us();
		call->status = http_call_on(&conn, &q, &p->reply);
		call->end = clock_mono_us();
		if (call->status == 401 || call->status == 0)
			break;
	}
	http_close(&conn);
	return NULL;
}

static unsigned calls_made(void)
{
	unsigned n = 0;
	for (int i = 0; i < ACTORS; i++)
		n += __atomic_load_n(&persons[i].calls_n, __ATOMIC_RELAXED);
	return n;
}

static void check_calls(const struct call *ending, unsigned *allowed)
{
	for (int i = 0; i < ACTORS; i++) {
		for (unsigned k = 0; k < persons[i].calls_n; k++) {
			const struct call *call = &persons[i].calls[k];
			bool refused = call->status == 401;
			cr_assert(refused || call->status / 100 == 2 || call->status == 409, "an act was answered %d", call->status);
			cr_assert(!refused || call->end >= ending->begin, "a session was refused before its end began");
			cr_assert(refused || call->begin <= ending->end, "a session acted %lld us after its end had returned",
				  (long long)(call->begin - ending->end));
			*allowed += !refused;
		}
	}
}

static void end_among_acts(uint16_t ports[2], unsigned round, unsigned *allowed)
{
	struct session s;
	struct call ending;
	char path[160], id[64];
	new_session("acme", "\"reveal\",\"rotate\",\"clients\"", &s);
	snprintf(id, sizeof id, "%s", sql_text(world_db(&w), "select session_id from m2m.portal_session order by made_at desc limit 1"));
	snprintf(path, sizeof path, "/admin/organizations/acme/portal-sessions/%s", id);
	for (unsigned i = 0; i < ACTORS; i++) {
		persons[i].n = i;
		persons[i].port = ports[i % 2];
		persons[i].session = &s;
		persons[i].calls_n = 0;
		cr_assert_eq(pthread_create(&persons[i].id, NULL, act_on, &persons[i]), 0);
	}
	for (int waits = 0; calls_made() < 5 * ACTORS + round % 7 && waits < 20000; waits++)
		usleep(1000);
	ending.begin = clock_mono_us();
	ending.status = http_call(ports[round % 2], &(struct http_request){.method = "DELETE", .path = path, .bearer = platform}, &r);
	ending.end = clock_mono_us();
	for (int i = 0; i < ACTORS; i++)
		pthread_join(persons[i].id, NULL);
	expect_status(ending.status, 204);
	check_calls(&ending, allowed);
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit a, m2m.admin_audit e, m2m.portal_session s"
			     " where s.session_id = '%s' and e.action = 'end_portal_session' and e.detail->>'session_id' = '%s'"
			     " and e.at = s.ended_at and a.actor like 'portal:%%' and a.outcome <> 'invalid_token' and a.at > e.at",
			     id, id),
		     0, "an act stands in the audit after the end of its session");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session where session_id = '%s' and ended_at is not null", id),
		     1);
}

Test(portal, ending_a_session_is_linearizable)
{
	struct gateway second = {.pid = 0};
	const char *given = getenv("M2M_TEST_SECONDS");
	int64_t until = clock_mono_us() + (given == NULL ? 5 : atoi(given)) * INT64_C(1000000);
	unsigned allowed = 0, rounds = 0;
	snprintf(credentials_path, sizeof credentials_path, "/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	gateway_start(&second, &w.gateway_env);
	uint16_t ports[2] = {w.gateway.http, second.http};
	while (clock_mono_us() < until || rounds < 3)
		end_among_acts(ports, rounds++, &allowed);
	cr_log_info("%u ends among %u acts\n", rounds, allowed);
	expect_enough(allowed, 5 * rounds);
	gateway_stop(&second, 10000);
}

Test(portal, pages_count_by_themselves_and_a_program_without_them_says_so)
{
	static const char pages[] = "m2m_requests_total{operation=\"pages\",transport=\"rest\",outcome=\"granted\"}";
	static const char unknown[] = "m2m_requests_total{operation=\"unknown\",transport=\"rest\",outcome=\"not_found\"}";
	bool built = http_call(w.gateway.http, &(struct http_request){.path = "/docs"}, &r) == 200;
	expect_status(http_call(w.gateway.http, &(struct http_request){.path = "/assets/none.js"}, &r), 404);
	cr_expect_eq(gateway_metric(&w, pages), built ? 1 : -1);
	cr_expect_eq(gateway_metric(&w, unknown), built ? 1 : 2);
	cr_expect_eq(gateway_log_wait(&w.gateway, "\"operation\":\"pages\"", built ? 1 : 0, NULL, 0), built ? 1 : 0);
	cr_expect_eq(gateway_log_count(&w.gateway, "\"event\":\"no_pages\"", NULL, 0), built ? 0 : 1);
}
