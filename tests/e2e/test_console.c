/* Console links and sessions, as an operator and a browser use them. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define CODE_LEN 43

static struct world w;
static struct org acme, other;
static char platform[TOKEN_MAX], operates[TOKEN_MAX];
static struct http_reply r;
static struct ctl_result ran;
static const char origin[] = "https://issuer.test";

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(platform));

static void open_world(void)
{
	world_open_filled(&w);
	world_ctl(&w, &ran, "token", "mint", "--operator", "--subject", "ops", "--output", "text");
	snprintf(operates, sizeof operates, "%.*s", (int)strcspn(ran.out, "\n"), ran.out);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(console, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- words ---- */

static void new_code(const char *actor, const char *may, char out[CODE_LEN + 1])
{
	world_ctl(&w, &ran, "console", "--actor", actor, "--may", may);
	const char *hash = strstr(ran.out, "/console#");
	cr_assert(hash != NULL, "%s", ran.out);
	snprintf(out, CODE_LEN + 1, "%s", hash + strlen("/console#"));
}

static int open_at(uint16_t port, const char *code, const char *mark, const char *from, struct http_reply *reply)
{
	char body[128], headers[256];
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	snprintf(headers, sizeof headers, "%s: 1\r\nOrigin: %s\r\n", mark, from);
	return http_call(port,
			 &(struct http_request){.path = "/console/session", .type = "application/json", .body = body, .headers = headers},
			 reply);
}

struct session {
	char token[CODE_LEN + 1];
};

static void take_cookie(struct session *s)
{
	char cookie[256];
	http_header(&r, "Set-Cookie", cookie, sizeof cookie);
	cr_assert_eq(strncmp(cookie, "__Host-m2m_console=", 19), 0, "%s", r.head);
	snprintf(s->token, sizeof s->token, "%.*s", CODE_LEN, cookie + 19);
}

static void new_session(const char *actor, const char *may, struct session *s)
{
	char code[CODE_LEN + 1];
	new_code(actor, may, code);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 201);
	take_cookie(s);
}

static int ask_with(const char *cookies, const char *method, const char *path, const char *body, const char *more)
{
	char headers[1024];
	snprintf(headers, sizeof headers, "Cookie: %s\r\n%s", cookies, more);
	return http_call(
		w.gateway.http,
		&(struct http_request){
			.method = method, .path = path, .type = body == NULL ? NULL : "application/json", .body = body, .headers = headers},
		&r);
}

static int ask(const struct session *s, const char *method, const char *path, const char *body)
{
	char own[128], cookie[128];
	snprintf(own, sizeof own, "X-M2M-Console: 1\r\nOrigin: %s\r\n", origin);
	snprintf(cookie, sizeof cookie, "theme=dark; __Host-m2m_console=%s", s->token);
	return ask_with(cookie, method, path, body, own);
}

static long acts(const char *action, const char *outcome)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s'", action, outcome);
}

/* ---- a link ---- */

Test(console, a_link_s_code_opens_a_session_once)
{
	char code[CODE_LEN + 1], text[256];
	new_code("ada", "read,audit", code);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 201);
	cr_expect(strstr(r.body, "\"actor\":\"ada\",\"may\":[\"read\",\"audit\"]") != NULL, "%s", r.body);
	http_header(&r, "Set-Cookie", text, sizeof text);
	cr_expect_str_eq(text + 19 + CODE_LEN, "; Path=/; Secure; HttpOnly; SameSite=Strict");
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "no-store");
	cr_expect_str_eq(http_header(&r, "Location", text, sizeof text), "");
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 401);
	cr_expect_eq(acts("make_console_link", "granted"), 1);
	cr_expect_eq(acts("open_console_session", "granted"), 1);
	cr_expect_eq(acts("open_console_session", "invalid_token"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where actor = 'console:ada'"), 2);
}

Test(console, a_late_code_opens_nothing)
{
	char code[CODE_LEN + 1];
	new_code("ada", "read", code);
	sql_exec(world_db(&w),
		 "update m2m.console_link set made_at = now() - interval '5 minutes', expires_at = now() - interval '1 second'");
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 401);
	expect_status(open_at(w.gateway.http, "not-a-code", "X-M2M-Console", origin, &r), 401);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.console_session"), 0);
}

Test(console, a_code_isn_t_taken_from_elsewhere)
{
	char code[CODE_LEN + 1];
	new_code("ada", "read", code);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", "https://evil.example", &r), 403);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Portal", origin, &r), 403);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Portal: 1\r\nX-M2M-Console", origin, &r), 403);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 201);
}

Test(console, a_portal_s_code_and_a_console_s_are_not_the_same)
{
	char code[CODE_LEN + 1], body[128], headers[256];
	world_ctl(&w, &ran, "portal", "link", "acme", "--actor", "Grace", "--output", "env");
	snprintf(code, sizeof code, "%s", strstr(ran.out, "/portal#") + strlen("/portal#"));
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 401);
	new_code("ada", "read", code);
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	snprintf(headers, sizeof headers, "X-M2M-Portal: 1\r\nOrigin: %s\r\n", origin);
	expect_status(
		http_call(w.gateway.http,
			  &(struct http_request){.path = "/portal/session", .type = "application/json", .body = body, .headers = headers},
			  &r),
		401);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 201);
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
	racer->status = open_at(racer->port, racer->code, "X-M2M-Console", origin, &racer->reply);
	return NULL;
}

Test(console, of_two_daemons_that_get_a_code_at_once_one_opens_a_session)
{
	struct gateway second = {.pid = 0};
	static struct racer racers[8];
	char code[CODE_LEN + 1];
	pthread_t threads[8];
	gateway_start(&second, &w.gateway_env);
	for (int round = 0; round < 5; round++) {
		int opened = 0;
		new_code("ada", "read", code);
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
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.console_session"), 5);
	gateway_stop(&second, 10000);
}

/* ---- a session ---- */

Test(console, the_cookie_alone_does_nothing)
{
	char own[160], cookie[128], path[160];
	struct session s;
	new_session("ada", "read,reveal,organizations", &s);
	snprintf(own, sizeof own, "Origin: %s\r\n", origin);
	snprintf(cookie, sizeof cookie, "__Host-m2m_console=%s", s.token);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/secret", acme.client_id);
	const char *const forged[] = {
		"",
		own,
		"Origin: https://evil.example\r\nX-M2M-Console: 1\r\n",
		"Origin: null\r\nX-M2M-Console: 1\r\n",
		"Sec-Fetch-Site: cross-site\r\nX-M2M-Console: 1\r\n",
		"Sec-Fetch-Site: same-site\r\nX-M2M-Console: 1\r\n",
		"X-M2M-Console: yes\r\nSec-Fetch-Site: same-origin\r\n",
		"X-M2M-Console: 1\r\nX-M2M-Console: 1\r\nSec-Fetch-Site: same-origin\r\n",
		"X-M2M-Console: 1\r\nX-M2M-Portal: 1\r\nSec-Fetch-Site: same-origin\r\n",
	};
	for (size_t i = 0; i < sizeof forged / sizeof *forged; i++) {
		cr_expect_eq(ask_with(cookie, "GET", path, NULL, forged[i]), 403, "%s", forged[i]);
		cr_expect_not(strstr(r.body, acme.secret) != NULL);
		cr_expect_eq(ask_with(cookie, "PATCH", "/admin/organizations/acme", "{\"disabled\":true}", forged[i]), 403, "%s",
			     forged[i]);
		cr_expect_eq(ask_with(cookie, "DELETE", "/console/session", NULL, forged[i]), 403, "%s", forged[i]);
	}
	/* the portal's mark is for the portal's cookie */
	expect_status(ask_with(cookie, "GET", "/admin/organizations", NULL, "X-M2M-Portal: 1\r\n"), 401);
	/* what changes something needs the Origin itself */
	expect_status(ask_with(cookie, "PATCH", "/admin/organizations/acme", "{\"name\":\"b\"}",
			       "X-M2M-Console: 1\r\nSec-Fetch-Site: same-origin\r\n"),
		      403);
	expect_status(ask_with(cookie, "GET", "/admin/organizations", NULL, "X-M2M-Console: 1\r\nSec-Fetch-Site: same-origin\r\n"), 200);
	expect_status(
		http_call(w.gateway.http, &(struct http_request){.path = "/admin/organizations", .headers = "X-M2M-Console: 1\r\n"}, &r),
		401);
}

static void portal_session(char token[CODE_LEN + 1])
{
	char code[CODE_LEN + 1], body[128], headers[256], cookie[256];
	world_ctl(&w, &ran, "portal", "link", "acme", "--actor", "Grace", "--may", "reveal", "--may", "audit", "--may", "rotate", "--may",
		  "clients", "--output", "env");
	snprintf(code, sizeof code, "%s", strstr(ran.out, "/portal#") + strlen("/portal#"));
	snprintf(body, sizeof body, "{\"code\":\"%s\"}", code);
	snprintf(headers, sizeof headers, "X-M2M-Portal: 1\r\nOrigin: %s\r\n", origin);
	expect_status(
		http_call(w.gateway.http,
			  &(struct http_request){.path = "/portal/session", .type = "application/json", .body = body, .headers = headers},
			  &r),
		201);
	http_header(&r, "Set-Cookie", cookie, sizeof cookie);
	snprintf(token, CODE_LEN + 1, "%s", strchr(cookie, '=') + 1);
}

Test(console, of_both_cookies_the_mark_s_counts)
{
	char portal[CODE_LEN + 1], cookies[256], own[2][128], swapped[256];
	struct session s;
	new_session("ada", "read", &s);
	portal_session(portal);
	snprintf(cookies, sizeof cookies, "__Host-m2m_session=%s; __Host-m2m_console=%s", portal, s.token);
	snprintf(own[0], sizeof own[0], "X-M2M-Console: 1\r\nOrigin: %s\r\n", origin);
	snprintf(own[1], sizeof own[1], "X-M2M-Portal: 1\r\nOrigin: %s\r\n", origin);
	expect_status(ask_with(cookies, "GET", "/admin/organizations", NULL, own[0]), 200);
	expect_status(ask_with(cookies, "GET", "/admin/organizations", NULL, own[1]), 403);
	expect_status(ask_with(cookies, "GET", "/m2m/client-secret", NULL, own[1]), 200);
	expect_status(ask_with(cookies, "GET", "/m2m/client-secret", NULL, own[0]), 403);
	expect_status(ask_with(cookies, "GET", "/portal/session", NULL, own[0]), 401);
	expect_status(ask_with(cookies, "GET", "/console/session", NULL, own[1]), 401);
	expect_status(ask_with(cookies, "GET", "/m2m/client-secret", NULL, ""), 403);
	/* each token is good in its own cookie alone */
	snprintf(swapped, sizeof swapped, "__Host-m2m_session=%s; __Host-m2m_console=%s", s.token, portal);
	expect_status(ask_with(swapped, "GET", "/admin/organizations", NULL, own[0]), 401);
	expect_status(ask_with(swapped, "GET", "/m2m/client-secret", NULL, own[1]), 401);
}

struct attempt {
	const char *right, *method, *path, *body;
};

Test(console, each_right_opens_what_it_names_and_nothing_else)
{
	static const char *const rights[] = {"read", "organizations", "clients", "reveal", "keys", "audit"};
	char client[160], secret[192], rotation[192];
	snprintf(client, sizeof client, "/admin/organizations/%s/clients/%s", acme.id, acme.client_id);
	snprintf(secret, sizeof secret, "%s/secret", client);
	snprintf(rotation, sizeof rotation, "%s/rotate", client);
	const struct attempt attempts[] = {
		{"read", "GET", "/console/session", NULL},
		{"read", "GET", "/admin/organizations", NULL},
		{"read", "GET", "/admin/organizations/acme/clients", NULL},
		{"read", "GET", client, NULL},
		{"read", "GET", "/admin/organizations/acme/portal-sessions", NULL},
		{"organizations", "PATCH", "/admin/organizations/other", "{\"name\":\"Other\"}"},
		{"organizations", "POST", "/admin/organizations/acme/portal-links", "{\"actor\":\"Grace\"}"},
		{"clients", "PATCH", client, "{\"name\":\"c\"}"},
		{"clients", "POST", rotation, "{}"},
		{"clients", "POST", "/admin/organizations/acme/clients", "{}"},
		{"reveal", "GET", secret, NULL},
		{"none", "GET", "/m2m/client-secret", NULL},
		{"none", "POST", "/m2m/rotate", "{}"},
		{"none", "GET", "/m2m/audit/tokens", NULL},
	};
	for (size_t right = 0; right < 6; right++) {
		struct session s;
		new_session("ada", rights[right], &s);
		for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
			const struct attempt *a = &attempts[i];
			bool opens = strcmp(a->right, "read") == 0 || strcmp(a->right, rights[right]) == 0;
			int status = ask(&s, a->method, a->path, a->body);
			cr_expect_eq(status / 100 == 2, opens, "%s: %s %s: %d %s", rights[right], a->method, a->path, status, r.body);
			cr_expect(opens || status == 403, "%s: %s %s: %d", rights[right], a->method, a->path, status);
		}
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.secrets_read where actor = 'console:ada' and outcome = 'granted'"), 1);
	cr_expect_eq(acts("rotate_secret", "granted"), 1);
	cr_expect_eq(acts("set_organization", "granted"), 1);
	cr_expect_eq(acts("read_secret", "forbidden"), 5 + 6);
	cr_expect_eq(acts("rotate_secret", "forbidden"), 5 + 6);
	cr_expect_eq(acts("set_organization", "forbidden"), 5);
}

/* An act, refused or not, is recorded with who, where and to what; listing isn't one. */
Test(console, an_act_that_the_rights_refuse_is_recorded_once)
{
	char client[160], part[6][192];
	snprintf(client, sizeof client, "/admin/organizations/%s/clients/%s", acme.id, acme.client_id);
	static const char *const below[6] = {"/secret", "/rotate", "/rotation", "/credentials", "/credentials/k-1", ""};
	for (size_t i = 0; i < 6; i++)
		snprintf(part[i], sizeof part[i], "%s%s", client, below[i]);
	const struct refused {
		const char *action, *method, *path, *body, *detail;
		bool of_org, of_client;
	} acts_refused[] = {
		{"create_organization", "POST", "/admin/organizations", "{\"slug\":\"new\"}", "{\"slug\": \"new\"}", false, false},
		{"set_organization", "PATCH", "/admin/organizations/acme", "{\"name\":\"x\"}", NULL, true, false},
		{"disable_organization", "PATCH", "/admin/organizations/acme", "{\"disabled\":true}", NULL, true, false},
		{"enable_organization", "PATCH", "/admin/organizations/acme", "{\"disabled\":false}", NULL, true, false},
		{"delete_organization", "DELETE", "/admin/organizations/nobody", NULL, "{\"slug\": \"nobody\"}", false, false},
		{"create_client", "POST", "/admin/organizations/acme/clients", "{}", NULL, true, false},
		{"set_client", "PATCH", part[5], "{\"name\":\"x\"}", NULL, true, true},
		{"disable_client", "PATCH", part[5], "{\"disabled\":true}", NULL, true, true},
		{"delete_client", "DELETE", part[5], NULL, NULL, true, true},
		{"read_secret", "GET", part[0], NULL, NULL, true, true},
		{"rotate_secret", "POST", part[1], "{}", NULL, true, true},
		{"prolong_grace", "PATCH", part[2], "{\"grace_seconds\":60}", NULL, true, true},
		{"cancel_grace", "DELETE", part[2], NULL, NULL, true, true},
		{"add_workload", "POST", part[3], "{\"kind\":\"workload\",\"issuer\":\"https://ci.example.com\",\"subject\":\"a\"}", NULL,
		 true, true},
		{"remove_credential", "DELETE", part[4], NULL, "{\"credential\": \"k-1\"}", true, true},
		{"make_portal_link", "POST", "/admin/organizations/acme/portal-links", "{\"actor\":\"Grace\"}", "{\"for\": \"Grace\"}",
		 true, false},
		{"end_portal_session", "DELETE", "/admin/organizations/acme/portal-sessions/s", NULL, "{\"session_id\": \"s\"}", true,
		 false},
		{"end_console_session", "DELETE", "/admin/console-sessions/s", NULL, "{\"session_id\": \"s\"}", false, false},
		{"rotate_signing_key", "POST", "/admin/signing-keys/rotate", "{}", NULL, false, false},
		{"revoke_signing_key", "POST", "/admin/signing-keys/k/revoke", "{}", "{\"kid\": \"k\"}", false, false},
	};
	const size_t n = sizeof acts_refused / sizeof *acts_refused;
	struct session s;
	new_session("ada", "read", &s);
	for (size_t i = 0; i < n; i++) {
		const struct refused *a = &acts_refused[i];
		expect_status(ask(&s, a->method, a->path, a->body), 403);
		char wanted[256], who[64];
		snprintf(who, sizeof who, "console:ada 127.0.0.1");
		snprintf(wanted, sizeof wanted, "%s %s %s %s", who, a->of_org ? acme.id : "-", a->of_client ? acme.client_id : "-",
			 a->detail == NULL ? "-" : a->detail);
		cr_expect_str_eq(sql_text(world_db(&w),
					  "select string_agg(concat_ws(' ', actor, host(m2m.unmapped(remote_addr)), "
					  "coalesce(organization_id::text, '-'),"
					  " coalesce(client_id, '-'), coalesce(detail::text, '-')), '; ') from m2m.admin_audit"
					  " where action = '%s' and outcome = 'forbidden'",
					  a->action),
				 wanted, "%s", a->action);
	}
	expect_status(ask(&s, "GET", "/admin/audit/acts", NULL), 403);
	expect_status(ask(&s, "GET", "/admin/audit/denied", NULL), 403);
	/* nor is the platform an operator */
	expect_status(post_json(&w, "/admin/signing-keys/rotate", platform, "{}", &r), 403);
	cr_expect_eq(acts("rotate_signing_key", "forbidden"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where outcome = 'forbidden'"), (long)n + 1);
}

Test(console, a_refusal_that_can_t_be_recorded_is_told_as_that)
{
	struct session s;
	new_session("ada", "read", &s);
	sql_exec(world_db(&w), "revoke insert on m2m.admin_audit from m2m_gateway");
	expect_status(ask(&s, "PATCH", "/admin/organizations/acme", "{\"name\":\"x\"}"), 503);
}

Test(console, a_portal_link_gives_no_more_than_its_maker_has)
{
	static const char path[] = "/admin/organizations/acme/portal-links";
	struct session s;
	new_session("ada", "organizations", &s);
	expect_status(ask(&s, "POST", path, "{\"actor\":\"Grace\",\"may\":[\"reveal\"]}"), 403);
	expect_status(ask(&s, "POST", path, "{\"actor\":\"Grace\",\"may\":[\"rotate\"]}"), 403);
	expect_status(ask(&s, "POST", path, "{\"actor\":\"Grace\",\"may\":[\"clients\"]}"), 403);
	expect_status(ask(&s, "POST", path, "{\"actor\":\"Grace\",\"may\":[\"audit\"]}"), 403);
	cr_expect_eq(acts("make_portal_link", "forbidden"), 4);
	new_session("ada", "organizations,reveal,clients,audit", &s);
	expect_status(ask(&s, "POST", path, "{\"actor\":\"Grace\",\"may\":[\"reveal\",\"rotate\",\"clients\",\"audit\"]}"), 201);
}

Test(console, a_session_ends_when_it_is_idle_for_an_hour_or_a_day_old)
{
	struct session s;
	new_session("ada", "read", &s);
	sql_exec(world_db(&w), "alter table m2m.console_session disable trigger console_is_final;"
			       "update m2m.console_session set last_used_at = now() - interval '59 minutes'");
	expect_status(ask(&s, "GET", "/admin/organizations", NULL), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.console_session where last_used_at > now() - interval '50 minutes'"),
		     1, "each use begins the hour anew");
	sql_exec(world_db(&w), "update m2m.console_session set last_used_at = now() - interval '61 minutes'");
	expect_status(ask(&s, "GET", "/admin/organizations", NULL), 401);
	new_session("ada", "read", &s);
	sql_exec(world_db(&w),
		 "update m2m.console_session set made_at = now() - interval '25 hours', expires_at = now() - interval '1 hour'"
		 " where last_used_at > now() - interval '5 minutes'");
	expect_status(ask(&s, "GET", "/admin/organizations", NULL), 401);
}

Test(console, the_person_another_operator_and_m2mctl_end_a_session)
{
	char path[128], text[256];
	struct session s, another;
	new_session("ada", "read", &s);
	expect_status(ask(&s, "DELETE", "/console/session", NULL), 204);
	cr_expect_str_eq(http_header(&r, "Set-Cookie", text, sizeof text),
			 "__Host-m2m_console=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
	expect_status(ask(&s, "GET", "/console/session", NULL), 401);

	new_session("ada", "read", &s);
	new_session("grace", "organizations", &another);
	snprintf(path, sizeof path, "/admin/console-sessions/%s",
		 sql_text(world_db(&w), "select session_id from m2m.console_session where actor = 'ada' and ended_at is null"));
	expect_status(ask(&s, "DELETE", path, NULL), 403);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "DELETE", .path = path, .bearer = platform}, &r), 403);
	expect_status(ask(&another, "DELETE", path, NULL), 204);
	expect_status(ask(&s, "GET", "/console/session", NULL), 401);
	expect_status(ask(&another, "DELETE", "/admin/console-sessions/01a2081a-5c1d-7c7e-8a1b-0f9d5f0c1a2b", NULL), 404);
	expect_status(ask(&another, "GET", "/console/session", NULL), 200);

	world_ctl(&w, &ran, "console", "sessions");
	cr_expect(strstr(ran.out, "  grace  ") != NULL && strstr(ran.out, "  ada  ") == NULL, "%s", ran.out);
	world_ctl(&w, &ran, "console", "end", "--session",
		  sql_text(world_db(&w), "select session_id from m2m.console_session where actor = 'grace'"));
	expect_status(ask(&another, "GET", "/console/session", NULL), 401);
	cr_expect_eq(acts("end_console_session", "granted"), 3);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'end_console_session'"
					   " and actor = 'console:grace' and outcome = 'granted'"),
		     1);
	cr_expect_eq(acts("end_console_session", "not_found"), 1);
	cr_expect_eq(acts("end_console_session", "forbidden"), 2);
}

/* ---- two at once ---- */

#define AT_ONCE_MAX_US INT64_C(500000)
#define ROUNDS         40

/* A session whose token is `token` of 43 characters, without m2mctl's taking its time. */
static void put_session(const char *token, const char *session_id)
{
	sql_exec(world_db(&w),
		 "insert into m2m.console_session (session_id, token_hash, link_id, actor, may, expires_at)"
		 " values ('%s', sha256('%s'), gen_random_uuid(), 'ada', '{read,organizations}', now() + interval '1 hour')",
		 session_id, token);
}

struct ender {
	uint16_t port;
	char token[CODE_LEN + 1], path[128];
	pthread_barrier_t *both;
	struct http_reply reply;
	int status;
	int64_t took_us;
};

static void *end_at_once(void *arg)
{
	struct ender *e = arg;
	char headers[256];
	snprintf(headers, sizeof headers, "Cookie: __Host-m2m_console=%s\r\nX-M2M-Console: 1\r\nOrigin: %s\r\n", e->token, origin);
	pthread_barrier_wait(e->both);
	int64_t begin = clock_mono_us();
	e->status = http_call(e->port, &(struct http_request){.method = "DELETE", .path = e->path, .headers = headers}, &e->reply);
	e->took_us = clock_mono_us() - begin;
	return NULL;
}

static void run_enders(struct ender enders[2])
{
	pthread_barrier_t both;
	pthread_t threads[2];
	cr_assert_eq(pthread_barrier_init(&both, NULL, 2), 0);
	for (int i = 0; i < 2; i++) {
		enders[i].both = &both;
		cr_assert_eq(pthread_create(&threads[i], NULL, end_at_once, &enders[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&both);
	for (int i = 0; i < 2; i++) {
		cr_expect(enders[i].status == 204 || enders[i].status == 401, "%d: %s", enders[i].status, enders[i].reply.body);
		cr_expect_lt(enders[i].took_us, AT_ONCE_MAX_US, "%lld us", (long long)enders[i].took_us);
	}
}

/* Two daemons, since one worker's statements go one behind the other. Each act is put off for a
 * moment in PostgreSQL, so that the two meet. */
static void open_second(struct gateway *second)
{
	sql_exec(world_db(&w),
		 "create function m2m.dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(0.02); return new; end $$");
	sql_exec(world_db(&w), "create trigger a_dawdle before update on m2m.console_session for each row execute function m2m.dawdle()");
	gateway_start(second, &w.gateway_env);
}

Test(console, of_two_operators_who_end_each_other_one_succeeds_at_once)
{
	static struct ender enders[2];
	struct gateway second = {.pid = 0};
	open_second(&second);
	for (int round = 0; round < ROUNDS; round++) {
		char ids[2][40];
		for (int i = 0; i < 2; i++) {
			snprintf(ids[i], sizeof ids[i], "01a2081a-5c1d-7c7e-8a1b-%06d%06d", round, i);
			snprintf(enders[i].token, sizeof enders[i].token, "%03d%040d", round, i);
			put_session(enders[i].token, ids[i]);
		}
		for (int i = 0; i < 2; i++) {
			enders[i].port = i == 0 ? w.gateway.http : second.http;
			snprintf(enders[i].path, sizeof enders[i].path, "/admin/console-sessions/%s", ids[1 - i]);
		}
		run_enders(enders);
		cr_expect_eq((enders[0].status == 204) + (enders[1].status == 204), 1, "%d and %d", enders[0].status, enders[1].status);
		for (int i = 0; i < 2; i++)
			cr_expect_eq(sql_int(world_db(&w),
					     "select (ended_at is null)::int from m2m.console_session where session_id = '%s'", ids[i]),
				     enders[i].status == 204, "who came first is there, and who came second isn't");
	}
	cr_expect_eq(acts("end_console_session", "granted"), ROUNDS);
	gateway_stop(&second, 10000);
}

Test(console, signing_out_twice_at_once_ends_the_session_once)
{
	static struct ender enders[2];
	struct gateway second = {.pid = 0};
	open_second(&second);
	for (int round = 0; round < ROUNDS; round++) {
		char id[40];
		snprintf(id, sizeof id, "01a2081a-5c1d-7c7e-8a1b-%012d", round);
		for (int i = 0; i < 2; i++) {
			enders[i].port = i == 0 ? w.gateway.http : second.http;
			snprintf(enders[i].token, sizeof enders[i].token, "%043d", round);
			snprintf(enders[i].path, sizeof enders[i].path, "/console/session");
		}
		put_session(enders[0].token, id);
		run_enders(enders);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.console_session where ended_at is null"), 0);
	cr_expect_eq(acts("end_console_session", "granted"), ROUNDS);
	gateway_stop(&second, 10000);
}

Test(console, an_operator_who_is_ended_has_nothing_left)
{
	char code[CODE_LEN + 1];
	struct session s;
	new_session("ops", "read,organizations", &s);
	new_code("ops", "read", code);
	expect_status(get(&w, "/admin/organizations", operates, &r), 200);
	world_ctl(&w, &ran, "console", "end", "--actor", "ops", "--output", "json");
	cr_expect(strstr(ran.out, "3") != NULL, "%s", ran.out);
	expect_status(ask(&s, "GET", "/admin/organizations", NULL), 401);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 401);
	expect_status(get(&w, "/admin/organizations", operates, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
}

/* The session is held in the act's own transaction: who ends it waits for the act, and nothing
 * comes after the end. */
Test(console, an_act_whose_session_ends_meanwhile_isn_t_done)
{
	struct session s;
	new_session("ada", "organizations", &s);
	PGconn *db = world_db(&w);
	/* between the look at the session and the act nothing of ours can be stopped: so the
	 * function that looks ends it itself */
	sql_exec(db,
		 "alter function m2m.console_use(bytea, uuid) rename to console_use_first;"
		 "create function m2m.console_use(t bytea, j uuid) returns table (outcome text, session_id uuid, actor text, may text[],"
		 " made_at timestamptz, last_used_at timestamptz, expires_at timestamptz) language plpgsql security definer as $$ begin"
		 " return query select * from m2m.console_use_first(t, j);"
		 " update m2m.console_session set ended_at = clock_timestamp(); end $$;"
		 "alter function m2m.console_use(bytea, uuid) owner to m2m_owner;"
		 "grant execute on function m2m.console_use(bytea, uuid) to m2m_gateway");
	gateway_stop(&w.gateway, 10000);
	gateway_start(&w.gateway, &w.gateway_env);
	expect_status(ask(&s, "PATCH", "/admin/organizations/acme", "{\"name\":\"changed\"}"), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	cr_expect_eq(sql_int(db, "select count(*) from m2m.organization where name = 'changed'"), 0);
	cr_expect_eq(acts("set_organization", "granted"), 0);
}

/* ---- an operator's token ---- */

Test(console, an_operator_s_token_opens_what_the_platform_s_does_and_no_organization_s_routes)
{
	expect_status(get(&w, "/admin/organizations", operates, &r), 200);
	expect_status(get(&w, "/m2m/client-id", operates, &r), 403);
	expect_status(get(&w, "/console/session", operates, &r), 401);
	expect_status(post_json(&w, "/admin/organizations/acme/portal-links", operates, "{\"actor\":\"Grace\",\"may\":[\"reveal\"]}", &r),
		      201);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'make_portal_link' and actor = 'ops'"), 1);
}

/* Who has the signing key alone can't make one: the database must know it. */
Test(console, an_operator_s_token_that_the_database_doesn_t_know_opens_nothing)
{
	sql_exec(world_db(&w), "delete from m2m.operator_token");
	expect_status(get(&w, "/admin/organizations", operates, &r), 401);
}

/* A place outside of PostgreSQL's times, and of ours. */
Test(console, a_page_token_that_was_made_up_is_refused)
{
	/* kind, eight bytes of time, sixteen of an id, four of a number */
	static const char *const asked[] = {
		"/admin/audit/denied?page_token=ZIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"/admin/audit/denied?page_token=ZH__________AAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"/admin/portal-sessions?kind=console&page_token=Y0AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"/admin/portal-sessions?page_token=cIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	};
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++)
		expect_status(get(&w, asked[i], operates, &r), 400);
}

Test(console, neither_code_nor_token_is_in_the_log)
{
	char code[CODE_LEN + 1];
	struct session s;
	new_code("ada", "read", code);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 201);
	take_cookie(&s);
	expect_status(open_at(w.gateway.http, code, "X-M2M-Console", origin, &r), 401);
	expect_status(ask(&s, "DELETE", "/console/session", NULL), 204);
	gateway_log_wait(&w.gateway, "\"operation\":\"close_console_session\"", 1, NULL, 0);
	cr_expect_eq(gateway_log_count(&w.gateway, code, NULL, 0), 0);
	cr_expect_eq(gateway_log_count(&w.gateway, s.token, NULL, 0), 0);
	const char *kept = sql_text(world_db(&w), "select l::text || s::text from m2m.console_link l, m2m.console_session s");
	cr_expect(strstr(kept, code) == NULL && strstr(kept, s.token) == NULL);
}

/* ---- searching ---- */

static void put_org(const char *slug, const char *name)
{
	world_ctl(&w, &ran, "org", "create", slug, "--name", name);
}

static size_t count_of(const char *text)
{
	size_t n = 0;
	for (const char *p = r.body; (p = strstr(p, text)) != NULL; p += strlen(text))
		n++;
	return n;
}

static void finds(const struct session *s, const char *path, const char *member, size_t n)
{
	expect_status(ask(s, "GET", path, NULL), 200);
	cr_expect_eq(count_of(member), n, "%s: %s", path, r.body);
}

Test(console, organizations_are_found_by_slug_words_and_id_and_state)
{
	char path[128];
	struct session s;
	new_session("ada", "read", &s);
	put_org("acme-east", "Eastern Works (Ltd)");
	put_org("zebra", "Acme's O'Neil & Sons \\ Ltd.");
	world_ctl(&w, &ran, "org", "disable", "other");
	finds(&s, "/admin/organizations?search=acme", "\"slug\":", 3);
	finds(&s, "/admin/organizations?search=ACME-E", "\"slug\":", 1);
	finds(&s, "/admin/organizations?search=work%20east", "\"slug\":\"acme-east\"", 1);
	finds(&s, "/admin/organizations?search=o'neil", "\"slug\":\"zebra\"", 1);
	finds(&s, "/admin/organizations?search=nothing", "\"slug\":", 0);
	finds(&s, "/admin/organizations?search=%26%7C!%3A*", "\"slug\":", 0);
	finds(&s, "/admin/organizations?search=%5C'%20%3A*%20Ltd", "\"slug\":\"zebra\"", 1);
	snprintf(path, sizeof path, "/admin/organizations?search=%s", other.id);
	finds(&s, path, "\"slug\":\"other\"", 1);
	finds(&s, "/admin/organizations?state=disabled", "\"slug\":", 1);
	finds(&s, "/admin/organizations?state=enabled", "\"slug\":", 3);
	finds(&s, "/admin/organizations?search=acme&state=disabled", "\"slug\":", 0);
	finds(&s, "/admin/organizations?state=enabled", "\"clients\":1", 3);
	expect_status(ask(&s, "GET", "/admin/organizations?state=on", NULL), 400);
	/* and page by page */
	expect_status(ask(&s, "GET", "/admin/organizations?search=acme&page_size=2", NULL), 200);
	char token[128];
	body_text(&r, "next_page_token", token, sizeof token);
	snprintf(path, sizeof path, "/admin/organizations?search=acme&page_size=2&page_token=%s", token);
	finds(&s, path, "\"slug\":\"zebra\"", 1);
	cr_expect(strstr(r.body, "\"next_page_token\":null") != NULL, "%s", r.body);
}

/* All pages of a search; how many clients it gives. */
static size_t walk(const struct session *s, const char *below, const char *search, int page_size)
{
	char path[512], token[256] = "";
	size_t n = 0;
	for (int pages = 0; pages < 50; pages++) {
		snprintf(path, sizeof path, "%s?search=%s&page_size=%d%s%s", below, search, page_size,
			 token[0] != '\0' ? "&page_token=" : "", token);
		expect_status(ask(s, "GET", path, NULL), 200);
		n += count_of("\"client_id\":");
		if (strstr(r.body, "\"next_page_token\":null") != NULL)
			return n;
		body_text(&r, "next_page_token", token, sizeof token);
	}
	cr_assert_fail("%s has no end", search);
	return 0;
}

Test(console, clients_are_found_by_their_ids_and_names_over_all_pages)
{
	struct session s;
	char prefix[32];
	new_session("ada", "read", &s);
	sql_exec(world_db(&w),
		 "insert into m2m.client (client_id, organization_id, name, audiences, secret_version)"
		 " select 'm2m_' || lpad(i::text, 22, '0'), case when i %% 2 = 0 then '%s'::uuid else '%s'::uuid end,"
		 " case when i <= 20 then 'Billing' when i = 21 then 'bill' when i = 22 then 'm2m_0 by name' else 'Other' end, '{a}', 1"
		 " from generate_series(1, 30) i",
		 acme.id, other.id);
	cr_expect_eq(walk(&s, "/admin/clients", "bill", 7), 21);
	cr_expect_eq(walk(&s, "/admin/clients", "BILLING", 20), 20);
	cr_expect_eq(walk(&s, "/admin/clients", "m2m_0000000", 4), 30, "one that both find is found once");
	cr_expect_eq(walk(&s, "/admin/clients", "m2m_0%20by", 4), 1);
	cr_expect_eq(walk(&s, "/admin/clients", "nobody", 4), 0);
	cr_expect_eq(walk(&s, "/admin/organizations/acme/clients", "billing", 3), 10);
	cr_expect_eq(walk(&s, "/admin/organizations/acme/clients", "m2m_00000000000000000000", 3), 15);
	snprintf(prefix, sizeof prefix, "%.12s", acme.client_id);
	cr_expect_eq(walk(&s, "/admin/clients", prefix, 10), 1);
	cr_expect(strstr(r.body, "\"slug\":\"acme\"") != NULL && strstr(r.body, "\"last_used_at\":null") != NULL, "%s", r.body);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	cr_expect_eq(walk(&s, "/admin/clients", prefix, 10), 1);
	cr_expect(strstr(r.body, "\"last_used_at\":\"") != NULL, "%s", r.body);
	expect_status(ask(&s, "GET", "/admin/clients?page_size=100", NULL), 200);
	cr_expect_eq(count_of("\"client_id\":"), 32);
	expect_status(ask(&s, "GET", "/admin/organizations/nobody/clients?search=a", NULL), 404);
	expect_status(ask(&s, "GET", "/admin/organizations/acme/clients?search=a&expiring_within=60", NULL), 400);
	expect_status(ask(&s, "GET", "/admin/clients?page_token=eA", NULL), 400);
	expect_status(get(&w, "/admin/clients?search=a", platform, &r), 200);
}

Test(console, live_sessions_of_all_are_listed_page_by_page)
{
	char portal[CODE_LEN + 1], path[192], token[128];
	struct session s, another;
	portal_session(portal);
	new_session("ada", "read", &s);
	new_session("grace", "read", &another);
	expect_status(ask(&s, "GET", "/admin/portal-sessions", NULL), 200);
	cr_expect(strstr(r.body, "\"actor\":\"Grace\"") != NULL && strstr(r.body, "\"slug\":\"acme\"") != NULL, "%s", r.body);
	expect_status(ask(&s, "GET", "/admin/portal-sessions?kind=console&page_size=1", NULL), 200);
	cr_expect(strstr(r.body, "\"actor\":\"grace\"") != NULL && strstr(r.body, "\"actor\":\"ada\"") == NULL, "%s", r.body);
	body_text(&r, "next_page_token", token, sizeof token);
	snprintf(path, sizeof path, "/admin/portal-sessions?kind=console&page_size=1&page_token=%s", token);
	expect_status(ask(&s, "GET", path, NULL), 200);
	cr_expect(strstr(r.body, "\"actor\":\"ada\"") != NULL && strstr(r.body, "\"next_page_token\":null") != NULL, "%s", r.body);
	snprintf(path, sizeof path, "/admin/portal-sessions?kind=portal&page_token=%s", token);
	expect_status(ask(&s, "GET", path, NULL), 400);
	expect_status(get(&w, "/admin/portal-sessions", platform, &r), 200);
	expect_status(get(&w, "/admin/portal-sessions?kind=console", platform, &r), 403);
	expect_status(get(&w, "/admin/portal-sessions?kind=console", operates, &r), 200);
	expect_status(get(&w, "/admin/portal-sessions?kind=all", operates, &r), 400);
}

/* ---- what operators alone ask ---- */

Test(console, what_is_the_operator_s_isn_t_the_platform_s_nor_a_portal_s)
{
	static const struct attempt attempts[] = {
		{"read", "GET", "/admin/signing-keys", NULL},
		{"keys", "POST", "/admin/signing-keys/rotate", "{}"},
		{"keys", "POST", "/admin/signing-keys/k/revoke", "{}"},
		{"read", "GET", "/admin/master-keys", NULL},
		{"audit", "GET", "/admin/audit/tokens", NULL},
		{"audit", "GET", "/admin/audit/denied", NULL},
		{"read", "GET", "/admin/health", NULL},
	};
	char portal[CODE_LEN + 1], cookie[128], own[128], admin[TOKEN_MAX];
	struct session s;
	mint(&w, "acme", "admin", admin);
	portal_session(portal);
	snprintf(cookie, sizeof cookie, "__Host-m2m_session=%s", portal);
	snprintf(own, sizeof own, "X-M2M-Portal: 1\r\nOrigin: %s\r\n", origin);
	new_session("ada", "read", &s);
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		const struct attempt *a = &attempts[i];
		bool reads = strcmp(a->right, "read") == 0;
		struct http_request q = {.method = a->method, .path = a->path, .bearer = platform, .body = a->body};
		q.type = a->body == NULL ? NULL : "application/json";
		cr_expect_eq(http_call(w.gateway.http, &q, &r), 403, "%s: %s", a->path, r.body);
		q.bearer = admin;
		cr_expect_eq(http_call(w.gateway.http, &q, &r), 403, "%s: %s", a->path, r.body);
		q.bearer = NULL;
		cr_expect_eq(http_call(w.gateway.http, &q, &r), 401, "%s: %s", a->path, r.body);
		cr_expect_eq(ask_with(cookie, a->method, a->path, a->body, own), 403, "%s: %s", a->path, r.body);
		cr_expect_eq(ask(&s, a->method, a->path, a->body), reads ? 200 : 403, "%s: %s", a->path, r.body);
		q.bearer = operates;
		int status = http_call(w.gateway.http, &q, &r);
		cr_expect(status / 100 == 2 || status == 404, "%s: %d %s", a->path, status, r.body);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 2);
}

Test(console, a_signing_key_is_rotated_and_revoked)
{
	char kid[64], first[64], path[128], text[64];
	struct session s;
	new_session("ada", "keys", &s);
	expect_status(ask(&s, "GET", "/admin/signing-keys", NULL), 200);
	snprintf(first, sizeof first, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key"));
	cr_expect(strstr(r.body, "\"state\":\"active\"") != NULL && strstr(r.body, "\"published_until\":null") != NULL, "%s", r.body);
	cr_expect(strstr(r.body, "sealed") == NULL && strstr(r.body, "\"d\"") == NULL, "%s", r.body);
	expect_status(ask(&s, "POST", "/admin/signing-keys/rotate", "{\"alg\":\"HS256\"}"), 400);
	expect_status(ask(&s, "POST", "/admin/signing-keys/rotate", "{\"alg\":\"RS256\"}"), 201);
	cr_expect_str_eq(body_text(&r, "alg", text, sizeof text), "RS256");
	cr_expect_str_eq(body_text(&r, "state", text, sizeof text), "next");
	snprintf(kid, sizeof kid, "%s", body_text(&r, "kid", text, sizeof text));
	expect_status(ask(&s, "POST", "/admin/signing-keys/rotate", NULL), 409);
	cr_expect_eq(acts("rotate_signing_key", "granted"), 1);
	cr_expect_eq(acts("rotate_signing_key", "conflict"), 1);

	/* the key that signs has no successor that verifiers know */
	snprintf(path, sizeof path, "/admin/signing-keys/%s/revoke", first);
	expect_status(ask(&s, "POST", path, "{}"), 409);
	expect_status(ask(&s, "POST", "/admin/signing-keys/nobody/revoke", "{}"), 404);
	expect_status(ask(&s, "POST", path, "{\"now\":true}"), 200);
	cr_expect_str_eq(body_text(&r, "state", text, sizeof text), "revoked");
	expect_status(ask(&s, "POST", path, "{\"now\":true}"), 409);
	cr_expect_str_eq(sql_text(world_db(&w), "select kid from m2m.signing_key_current"), kid);
	/* and what was made opens: a token is signed with it */
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);

	/* one that verifiers know takes over in its place without more words */
	expect_status(ask(&s, "POST", "/admin/signing-keys/rotate", "{\"standby\":true}"), 201);
	body_text(&r, "kid", first, sizeof first);
	snprintf(path, sizeof path, "/admin/signing-keys/%s/revoke", kid);
	expect_status(ask(&s, "POST", path, "{}"), 409);
	sql_exec(world_db(&w), "update m2m.signing_key set created_at = now() - interval '1 day' where kid = '%s'", first);
	expect_status(ask(&s, "POST", path, "{}"), 200);
	cr_expect_str_eq(sql_text(world_db(&w), "select kid from m2m.signing_key_current"), first);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	snprintf(kid, sizeof kid, "%s", first);

	/* the last one leaves, and a new one is made */
	snprintf(path, sizeof path, "/admin/signing-keys/%s/revoke", kid);
	expect_status(ask(&s, "POST", path, "{\"now\":true}"), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 4);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'revoke_signing_key' and outcome = 'granted'"
			     " and actor = 'console:ada' and detail ? 'successor'"),
		     3);
}

Test(console, master_keys_and_health_are_shown)
{
	char text[64];
	struct session s;
	new_session("ada", "read", &s);
	expect_status(ask(&s, "GET", "/admin/master-keys", NULL), 200);
	cr_expect(strstr(r.body, "\"primary\":true,\"loaded\":true") != NULL && strstr(r.body, "\"secrets\":2,\"signing_keys\":1") != NULL,
		  "%s", r.body);
	expect_status(ask(&s, "GET", "/admin/health", NULL), 200);
	cr_expect_str_eq(body_text(&r, "status", text, sizeof text), "ok", "%s", r.body);
	cr_expect(strstr(r.body, "\"primary\":true") != NULL && strstr(r.body, "\"name\":\"signing_key\",\"state\":\"ok\"") != NULL, "%s",
		  r.body);
	cr_expect(strstr(r.body, "{\"name\":\"master_keys\",\"state\":\"ok\"") != NULL, "%s", r.body);
	cr_expect(strstr(r.body, "{\"name\":\"denied_attempts\",\"state\":\"ok\"") != NULL, "%s", r.body);
	cr_expect(strstr(r.body, "{\"name\":\"log\",\"state\":\"ok\"") != NULL, "%s", r.body);
}

static void health_says(const struct session *s, const char *check)
{
	expect_status(ask(s, "GET", "/admin/health", NULL), 200);
	cr_expect(strstr(r.body, check) != NULL, "%s: %s", check, r.body);
}

/* A key is missing as long as something that lives needs it. */
Test(console, health_tells_of_master_keys_that_the_gateway_lacks)
{
	struct session s;
	PGconn *db = world_db(&w);
	new_session("ada", "read", &s);
	sql_exec(db,
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, ended_at, expires_at)"
		 " select '%s', 2 + i, 'gone', sha256('s'), sha256(i::text::bytea), 'abcd', now(),"
		 " case when i %% 2 = 0 then now() - interval '1 second' else '-infinity' end from generate_series(1, 20) i",
		 acme.client_id);
	health_says(&s, "\"master_keys\",\"state\":\"ok\"");
	sql_exec(db,
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, ended_at, expires_at)"
		 " values ('%s', 30, 'k0', sha256('s'), sha256('v'), 'abcd', now(), now() + interval '1 hour')",
		 acme.client_id);
	health_says(&s, "This gateway lacks master keys that live secrets need: k0.");
	sql_exec(db, "delete from m2m.client_secret where key_id = 'k0'");
	sql_exec(db, "update m2m.signing_key set seal_key_id = 'k3'");
	health_says(&s, "This gateway lacks master keys that signing keys need: k3.");
	sql_exec(db, "update m2m.signing_key set seal_key_id = 'k1'; update m2m.key_check set check_value = sha256('x')");
	health_says(&s, "The database knows other master keys by these names: k1.");
	sql_exec(db, "delete from m2m.key_check");
	health_says(&s, "The database doesn't know the active master key k1 yet.");
}

/* More kinds than there is room for, from as many addresses. */
Test(console, health_tells_of_refused_attempts_that_had_no_room)
{
	struct session s;
	struct http_conn conn;
	char headers[64];
	gateway_stop(&w.gateway, 10000);
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.0.1/32");
	env_set(&w.gateway_env, "M2M_FORWARDED=x-forwarded-for");
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	gateway_start(&w.gateway, &w.gateway_env);
	new_session("ada", "read", &s);
	cr_assert(http_open(&conn, w.gateway.http));
	for (int i = 0; i < 1000; i++) {
		snprintf(headers, sizeof headers, "X-Forwarded-For: 198.51.%d.%d\r\n", i / 250, i % 250);
		const struct http_request q = {.path = "/m2m/client-id", .bearer = "x", .headers = headers};
		cr_assert_eq(http_call_on(&conn, &q, &r), 401);
	}
	http_close(&conn);
	health_says(&s, "Within the last hour refused attempts were too many kinds");
}

Test(console, health_names_the_sources_revision)
{
	char revision[64];
	struct session s;
	new_session("ada", "read", &s);
	expect_status(ask(&s, "GET", "/admin/health", NULL), 200);
	body_text(&r, "revision", revision, sizeof revision);
	if (sizeof M2M_REVISION > 1)
		cr_expect_str_eq(revision, M2M_REVISION);
	else
		cr_expect(strstr(r.body, "\"revision\":null") != NULL, "%s", r.body);
}

Test(console, tokens_and_denied_attempts_of_all_organizations_are_listed)
{
	char path[256], token[128];
	struct session s;
	new_session("ada", "audit", &s);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(oauth_token(w.gateway.http, other.client_id, other.secret, &r), 200);
	finds(&s, "/admin/audit/tokens", "\"slug\":\"acme\"", 1);
	finds(&s, "/admin/audit/tokens?organization=other", "\"slug\":\"other\"", 1);
	cr_expect(strstr(r.body, "\"slug\":\"acme\"") == NULL, "%s", r.body);
	expect_status(ask(&s, "GET", "/admin/audit/tokens?organization=nobody", NULL), 404);
	sql_exec(world_db(&w),
		 "insert into m2m.denied_audit (minute, client_id, remote_addr, reason, attempts, batch_id)"
		 " select date_trunc('minute', now()) - make_interval(mins => i / 4), case when i %% 2 = 0 then '%s' end, '192.0.2.7',"
		 " case when i %% 4 = 0 then 'invalid_client' else 'rate_limited' end, 1 + i, '01a2081a-5c1d-7c7e-8a1b-0f9d5f0c1a2b'"
		 " from generate_series(1, 30) i",
		 acme.client_id);
	size_t n = 0;
	snprintf(path, sizeof path, "/admin/audit/denied?page_size=3");
	for (int pages = 0; pages < 20; pages++) {
		expect_status(ask(&s, "GET", path, NULL), 200);
		n += count_of("\"denied_at\":");
		if (strstr(r.body, "\"next_page_token\":null") != NULL)
			break;
		body_text(&r, "next_page_token", token, sizeof token);
		snprintf(path, sizeof path, "/admin/audit/denied?page_size=3&page_token=%s", token);
	}
	cr_expect_eq(n, 30, "each once: %zu", n);
	cr_expect_eq(sql_int(world_db(&w), "select 1"), 1);
	finds(&s, "/admin/audit/denied?reason=invalid_client", "\"reason\":\"invalid_client\"", 7);
	finds(&s, "/admin/audit/denied?organization=acme", "\"slug\":\"acme\"", 15);
	finds(&s, "/admin/audit/denied?organization=other", "\"denied_at\":", 0);
	finds(&s, "/admin/audit/denied?remote_addr=198.51.100.0/24", "\"denied_at\":", 0);
	finds(&s, "/admin/audit/denied?remote_addr=192.0.2.0/24&page_size=100", "\"denied_at\":", 30);
	expect_status(ask(&s, "GET", "/admin/audit/denied?reason=a%27b", NULL), 400);
	expect_status(ask(&s, "GET", "/admin/audit/denied?denied_after=yesterday", NULL), 400);
}
