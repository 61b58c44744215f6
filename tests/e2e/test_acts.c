/* What was done to an organization, and how many tokens it was given: what is told, to whom, in
 * which order, and what is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define ACTS "/m2m/audit/acts"
#define ALL  "/admin/audit/acts"
#define SUMS "/m2m/audit/token-sums"
#define GONE "m2m_AAAAAAAAAAAAAAAAAAAAA3"

static struct world w;
static struct org acme, other;
static char admin[TOKEN_MAX], other_admin[TOKEN_MAX], platform[TOKEN_MAX];
static struct http_reply r;
static struct ctl_result ran;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
	mint(all, "acme", "admin", admin);
	mint(all, "other", "admin", other_admin);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(admin), KEPT(other_admin), KEPT(platform));

static void open_world(void)
{
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=8000");
	env_set(&w.gateway_env, "M2M_WORKERS=1"); /* the bound on rows is each one's own */
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(acts, .init = open_world, .fini = close_world, .timeout = 120);
TestSuite(sums, .init = open_world, .fini = close_world, .timeout = 120);

static int ask(const char *path, const char *query, const char *bearer)
{
	char whole[1024];
	snprintf(whole, sizeof whole, "%s%s", path, query);
	return get(&w, whole, bearer, &r);
}

static unsigned occurrences(const char *text, const char *part)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		n++;
	return n;
}

static bool says(const char *part)
{
	return strstr(r.body, part) != NULL;
}

static unsigned listed(void)
{
	return occurrences(r.body, "\"act_id\":");
}

/* ---- acts ---- */

Test(acts, an_act_is_what_was_recorded)
{
	char text[256], caching[64];
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_status(ask(ACTS, "?action=read_secret", admin), 200);
	cr_assert_eq(listed(), 1, "%s", r.body);
	snprintf(text, sizeof text, "\"client_id\":\"%s\",\"secret_version\":1,\"detail\":{},\"remote_addr\":\"127.0.0.1\"",
		 acme.client_id);
	cr_expect(says(text) && says("\"action\":\"read_secret\",\"outcome\":\"granted\",\"actor\":\"operator\"") &&
			  says("\"transport\":\"rest\"") && says("\"next_page_token\":null") && !says("\"organization\""),
		  "%s", r.body);
	snprintf(text, sizeof text, "\"act_id\":\"%s\"",
		 sql_text(world_db(&w), "select act_id from m2m.admin_audit where action = 'read_secret'"));
	cr_expect(says(text), "%s: %s", text, r.body);
	cr_expect_str_eq(http_header(&r, "Cache-Control", caching, sizeof caching), "no-store");
	expect_status(ask(ACTS, "?action=create_client", admin), 200);
	cr_expect(listed() == 1 && says("\"transport\":\"m2mctl\"") && says("\"detail\":{\""), "%s", r.body);
}

Test(acts, nobody_sees_another_organization_s)
{
	char query[256];
	expect_status(get(&w, "/m2m/client-secret", other_admin, &r), 200);
	expect_status(ask(ACTS, "", admin), 200);
	cr_expect(listed() >= 2 && !says(other.client_id) && !says("read_secret"), "%s", r.body);
	snprintf(query, sizeof query, "?client_id=%s", other.client_id);
	expect_status(ask(ACTS, query, admin), 200);
	cr_expect_eq(listed(), 0, "%s", r.body);
	expect_status(ask(ACTS, query, other_admin), 200);
	cr_expect_eq(listed(), 2, "%s", r.body);
}

Test(acts, only_an_admin_and_the_platform_are_answered)
{
	char member[TOKEN_MAX];
	mint(&w, "acme", "member", member);
	expect_status(ask(ACTS, "", NULL), 401);
	expect_status(ask(ACTS, "", member), 403);
	expect_status(ask(ACTS, "", platform), 403);
	expect_status(ask(ALL, "", admin), 403);
	expect_status(ask(SUMS, "?by=day", member), 403);
	expect_status(ask(SUMS, "?by=day", NULL), 401);
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", "192.0.2.0/24");
	expect_status(ask(ACTS, "", admin), 403);
	cr_expect(is_problem(&r, "network_not_allowed"), "%s", r.body);
	world_ctl(&w, &ran, "org", "disable", "acme");
	expect_status(ask(ACTS, "", admin), 401);
	expect_status(ask(SUMS, "?by=day", admin), 401);
}

Test(acts, the_platform_sees_those_of_all_and_of_one)
{
	char text[256];
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", other_admin, &r), 200);
	expect_status(ask(ALL, "?action=read_secret", platform), 200);
	cr_expect_eq(listed(), 2, "%s", r.body);
	snprintf(text, sizeof text, "\"organization\":{\"id\":\"%s\",\"slug\":\"other\",\"name\":\"other\"}", other.id);
	cr_expect(says(text), "%s", r.body);
	expect_status(ask(ALL, "?action=read_secret&organization=acme", platform), 200);
	cr_expect(listed() == 1 && says(acme.id), "%s", r.body);
	world_ctl(&w, &ran, "org", "delete", "other", "--yes");
	snprintf(text, sizeof text, "?organization=%s&action=read_secret", other.id);
	expect_status(ask(ALL, text, platform), 200);
	cr_expect(listed() == 1 && says(other.id), "of one that was deleted: %s", r.body);
	expect_status(ask(ALL, "?organization=other", platform), 404);
	cr_expect(is_problem(&r, "organization_not_found"), "%s", r.body);
	sql_exec(world_db(&w),
		 "insert into m2m.admin_audit (action, outcome, actor, transport) values ('rotate_key', 'granted', 'operator', 'c')");
	expect_status(ask(ALL, "?action=rotate_key", platform), 200);
	cr_expect(listed() == 1 && says("\"organization\":null"), "%s", r.body);
}

static int try(const char *method, const char *path, const char *bearer, const char *body)
{
	return http_call(
		w.gateway.http,
		&(struct http_request){
			.method = method, .path = path, .bearer = bearer, .type = body == NULL ? NULL : "application/json", .body = body},
		&r);
}

/* The rows of forbidden acts: organization, action, actor, detail. */
static const char *forbidden(void)
{
	return sql_text(world_db(&w),
			"select string_agg(concat_ws(' ', o.slug, a.action, a.actor, a.client_id, a.detail), '; ' order by a.at)"
			" from m2m.admin_audit a left join m2m.organization o using (organization_id) where a.outcome = 'forbidden'");
}

/* It is its own organization's, whose admin sees it, whichever one was named. */
Test(acts, what_an_organization_s_token_may_not_do_is_recorded)
{
	char token[TOKEN_MAX], path[256], wanted[1024];
	client_token(&w, &acme, token);
	expect_status(try("DELETE", "/admin/organizations/other", admin, NULL), 403);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s", acme.client_id);
	expect_status(try("PATCH", path, token, "{\"roles\":[\"admin\"]}"), 403);
	expect_status(try("POST", "/admin/organizations", admin, "{\"slug\":\"third\"}"), 403);
	expect_status(try("POST", "/admin/signing-keys/rotate", token, "{}"), 403);
	snprintf(wanted, sizeof wanted,
		 "acme delete_organization operator {\"slug\": \"other\"}; acme set_client %s %s; acme create_organization operator "
		 "{\"slug\": \"third\"}; acme rotate_signing_key %s",
		 acme.client_id, acme.client_id, acme.client_id);
	cr_expect_str_eq(forbidden(), wanted);
	expect_status(ask(ACTS, "?outcome=forbidden", admin), 200);
	cr_expect_eq(listed(), 4, "%s", r.body);
	expect_status(ask(ACTS, "?outcome=forbidden", other_admin), 200);
	cr_expect_eq(listed(), 0, "%s", r.body);
	/* nor what isn't an act */
	expect_status(try("GET", "/admin/organizations", admin, NULL), 403);
	cr_expect_str_eq(forbidden(), wanted);
}

Test(acts, of_what_an_organization_s_token_may_not_do_the_first_ten_are_recorded)
{
	for (int i = 0; i < 15; i++) {
		expect_status(try("DELETE", "/admin/organizations/other", admin, NULL), 403);
		expect_status(try("POST", "/admin/organizations", admin, "{\"slug\":\"third\"}"), 403);
		expect_status(try("POST", "/admin/signing-keys/rotate", admin, "{}"), 403);
	}
	int64_t rows = sql_int(world_db(&w), "select count(*) from m2m.admin_audit where outcome = 'forbidden'");
	/* the next minute may have begun */
	cr_expect(rows == 10 || rows == 20, "%lld rows", (long long)rows);
}

/* What its bearer was obtained with has ended, its organization is disabled, or it comes from where
 * it may not: it isn't anybody's act. */
Test(acts, who_isn_t_let_in_causes_no_row)
{
	char token[TOKEN_MAX], path[256];
	client_token(&w, &acme, token);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotate", acme.client_id);
	expect_status(try("POST", path, platform, "{\"grace_seconds\":0}"), 200);
	expect_status(try("DELETE", "/admin/organizations/other", token, NULL), 403);
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", "192.0.2.0/24");
	expect_status(try("DELETE", "/admin/organizations/other", admin, NULL), 403);
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", "any");
	world_ctl(&w, &ran, "org", "disable", "acme");
	expect_status(try("DELETE", "/admin/organizations/other", admin, NULL), 403);
	cr_expect_str_eq(forbidden(), "");
	world_ctl(&w, &ran, "org", "enable", "acme");
	expect_status(try("DELETE", "/admin/organizations/other", admin, NULL), 403);
	cr_expect_str_eq(forbidden(), "acme delete_organization operator {\"slug\": \"other\"}");
}

/* Who shows nothing that verifies leaves no row, however often. */
Test(acts, who_is_unknown_causes_no_row)
{
	char forged[TOKEN_MAX];
	snprintf(forged, sizeof forged, "%s", admin);
	char *last = strrchr(forged, '.') + 10;
	*last = *last == 'A' ? 'B' : 'A';
	const char *const bearers[] = {NULL, "nonsense", forged};
	int64_t before = sql_int(world_db(&w), "select count(*) from m2m.admin_audit");
	for (size_t i = 0; i < 3; i++) {
		expect_status(try("DELETE", "/admin/organizations/acme", bearers[i], NULL), 401);
		expect_status(try("POST", "/admin/organizations", bearers[i], "{\"slug\":\"third\"}"), 401);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit"), before);
}

Test(acts, each_filter_leaves_what_it_says)
{
	static const char add[] =
		"insert into m2m.admin_audit (at, action, outcome, actor, organization_id, client_id, transport, detail) values"
		" ('2026-05-01 10:00Z', 'read_secret', 'forbidden', 'portal:Ada', '%s', 'm2m_AAAAAAAAAAAAAAAAAAAAA1', 'r', '{\"n\":1}'),"
		" ('2026-05-01 11:00Z', 'rotate_secret', 'granted', 'portal:Ada', '%s', 'm2m_AAAAAAAAAAAAAAAAAAAAA1', 'r', '{\"n\":2}'),"
		" ('2026-05-01 12:00Z', 'rotate_secret', 'granted', 'Bob', '%s', 'm2m_AAAAAAAAAAAAAAAAAAAAA2', 'r', '{\"n\":3}')";
	static const struct {
		const char *query;
		unsigned n;
		const char *has;
	} cases[] = {
		{"", 3, "\"n\":"},
		{"&action=rotate_secret", 2, "\"n\": 3"},
		{"&actor=portal:Ada", 2, "\"n\": 1"},
		{"&actor=portal%3AAda&action=rotate_secret", 1, "\"n\": 2"},
		{"&outcome=forbidden", 1, "\"n\": 1"},
		{"&client_id=m2m_AAAAAAAAAAAAAAAAAAAAA2", 1, "\"n\": 3"},
		{"&done_after=2026-05-01T11:00:00Z", 2, "\"n\": 2"},
		{"&actor=nobody", 0, "[]"},
	};
	sql_exec(world_db(&w), add, acme.id, acme.id, acme.id);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char query[256];
		snprintf(query, sizeof query, "?done_before=2026-05-02T00:00:00Z%s", cases[i].query);
		expect_status(ask(ACTS, query, admin), 200);
		cr_expect(listed() == cases[i].n && says(cases[i].has), "%s: %s", query, r.body);
		expect_status(ask(ALL, query, platform), 200);
		cr_expect_eq(listed(), cases[i].n, "%s: %s", query, r.body);
	}
}

Test(acts, what_can_t_be_asked_is_refused)
{
	static const char *const queries[] = {"?page_size=0",  "?page_size=101",    "?done_after=yesterday", "?done_before=1",
					      "?page_token=x", "?issued_after=now", "?organization=acme",    "?client_id=%00"};
	char query[256], page[128];
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		int status = ask(ACTS, queries[i], admin);
		cr_expect_eq(status, 400, "%s: %d", queries[i], status);
	}
	expect_status(ask(ACTS, "?page_size=1", admin), 200);
	snprintf(query, sizeof query, "?page_size=1&actor=a&page_token=%s", body_text(&r, "next_page_token", page, sizeof page));
	expect_status(ask(ACTS, query, admin), 400);
	snprintf(query, sizeof query, "?page_size=1&page_token=%s", page);
	expect_status(ask(ALL, query, platform), 400);
	expect_status(ask(ACTS, query, admin), 200);
}

#define SAME 250

/* All pages of a list; how many acts they have, whose ids are in `ids`. */
static unsigned read_pages(const char *path, const char *bearer, const char *query, char ids[][40], unsigned max, unsigned *ret_pages)
{
	char next[512];
	unsigned n = 0;
	snprintf(next, sizeof next, "?%s", query);
	for (*ret_pages = 1;; ++*ret_pages) {
		expect_status(ask(path, next, bearer), 200);
		for (const char *at = r.body; (at = strstr(at, "\"act_id\":\"")) != NULL && n < max; n++)
			snprintf(ids[n], sizeof ids[n], "%.36s", at += strlen("\"act_id\":\""));
		const char *token = strstr(r.body, "\"next_page_token\":");
		if (token == NULL || token[strlen("\"next_page_token\":")] != '"')
			return n;
		snprintf(next, sizeof next, "?%s&page_token=%.43s", query, token + strlen("\"next_page_token\":\""));
		cr_assert_lt(*ret_pages, 50);
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Acts of one moment, half of them from before acts had ids, while others are added. */
Test(acts, pages_show_each_act_once)
{
	static char ids[SAME + 10][40];
	unsigned pages;
	sql_exec(world_db(&w),
		 "insert into m2m.admin_audit (at, action, outcome, actor, organization_id, transport, detail, act_id)"
		 " select '2026-05-01 10:00Z', 'read_secret', 'granted', 'a', '%s', 'r', jsonb_build_object('n', n),"
		 " case when n %% 2 = 0 then gen_random_uuid() end from generate_series(1, %d) n",
		 acme.id, SAME);
	expect_status(ask(ACTS, "?actor=a&page_size=100", admin), 200);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	const struct {
		const char *path, *bearer;
	} lists[] = {{ACTS, admin}, {ALL, platform}};
	for (int i = 0; i < 2; i++) {
		unsigned n = read_pages(lists[i].path, lists[i].bearer, "actor=a&page_size=60", ids, SAME + 10, &pages);
		cr_assert_eq(n, SAME, "%u: %s", n, r.body + (r.body_n > 300 ? r.body_n - 300 : 0));
		qsort(ids, n, sizeof *ids, by_text);
		for (unsigned k = 1; k < n; k++)
			cr_assert_str_neq(ids[k - 1], ids[k]);
	}
	cr_assert_eq(read_pages(ACTS, admin, "done_before=2026-05-02T00:00:00Z&page_size=100", ids, SAME + 10, &pages), SAME);
	cr_assert_eq(pages, 3);
}

Test(acts, a_rare_act_among_very_many_is_found_page_by_page)
{
	static char ids[4][40];
	unsigned pages;
	sql_exec(world_db(&w),
		 "insert into m2m.admin_audit (at, action, outcome, actor, organization_id, transport)"
		 " select timestamptz '2026-05-01 10:00Z' + n * interval '1 second', case n when 0 then 'rare' else 'read_secret' end, "
		 "'granted', 'a',"
		 " '%s', 'r' from generate_series(0, 12000) n",
		 acme.id);
	cr_assert_eq(read_pages(ACTS, admin, "action=rare", ids, 4, &pages), 1);
	cr_expect(pages >= 3 && pages <= 4, "%u pages", pages);
}

Test(acts, a_portal_session_needs_the_right_audit)
{
	static const char *const rights[] = {"reveal", "audit"};
	for (int i = 0; i < 2; i++) {
		char body[128], headers[512], cookie[256];
		snprintf(body, sizeof body, "{\"actor\":\"Ada\",\"may\":[\"%s\"]}", rights[i]);
		expect_status(post_json(&w, "/admin/organizations/acme/portal-links", platform, body, &r), 201);
		snprintf(body, sizeof body, "{\"code\":\"%.43s\"}", strchr(r.body, '#') + 1);
		const struct http_request opening = {.path = "/portal/session",
						     .type = "application/json",
						     .body = body,
						     .headers = "X-M2M-Portal: 1\r\nOrigin: https://issuer.test\r\n"};
		expect_status(http_call(w.gateway.http, &opening, &r), 201);
		http_header(&r, "Set-Cookie", cookie, sizeof cookie);
		snprintf(headers, sizeof headers, "Cookie: %.62s\r\nX-M2M-Portal: 1\r\n", cookie);
		expect_status(http_call(w.gateway.http, &(struct http_request){.path = ACTS, .headers = headers}, &r), i == 0 ? 403 : 200);
		expect_status(http_call(w.gateway.http, &(struct http_request){.path = SUMS "?by=day", .headers = headers}, &r),
			      i == 0 ? 403 : 200);
		expect_status(http_call(w.gateway.http, &(struct http_request){.path = ALL, .headers = headers}, &r), 403);
	}
}

/* ---- who made a version ---- */

static bool made_by(const char *list, const char *actor)
{
	char text[256];
	snprintf(text, sizeof text, "\"created_by\":\"%s\"", actor);
	return strstr(list, text) != NULL;
}

Test(acts, a_version_tells_who_made_it)
{
	static struct grpc_reply g;
	static struct pb none;
	char path[160], text[128], operator_[128];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	snprintf(operator_, sizeof operator_, "%s",
		 sql_text(world_db(&w), "select actor from m2m.admin_audit where action = 'create_client' and client_id = '%s'",
			  acme.client_id));
	expect_status(get(&w, "/m2m/secrets", admin, &r), 200);
	cr_expect(made_by(r.body, operator_), "%s", r.body);
	expect_status(rotate(&w, admin, 600, &r), 200);
	expect_status(get(&w, "/m2m/secrets", admin, &r), 200);
	cr_expect(made_by(r.body, operator_) && made_by(r.body, "operator"), "%s", r.body);
	expect_status(get(&w, path, platform, &r), 200);
	cr_expect(made_by(r.body, operator_) && made_by(r.body, "operator"), "%s", r.body);
	expect_status(get(&w, "/admin/organizations/acme/clients", platform, &r), 200);
	cr_expect(says("\"secret_created_by\":\"operator\""), "%s", r.body);
	expect_status(post_json(&w, "/admin/organizations/acme/clients", platform, "{\"name\":\"n\"}", &r), 201);
	cr_expect(says("\"secret_created_by\":\"backend\""), "%s", r.body);
	expect_status(post_json(&w, "/admin/organizations", platform, "{\"slug\":\"third\",\"name\":\"Third\"}", &r), 201);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where created_by = 'backend'"), 2);
	world_ctl(&w, &ran, "client", "versions", acme.client_id, "--output", "json");
	cr_expect(made_by(ran.out, operator_) || strstr(ran.out, "\"created_by\": \"operator\"") != NULL, "%s", ran.out);
	cr_assert_eq(grpc_call(w.gateway.grpc,
			       &(struct grpc_request){.path = "/m2m.v1.M2MClients/ListSecrets", .bearer = admin, .message = &none}, &g),
		     0);
	cr_expect_str_eq(pb_text(pb_bytes(grpc_message(&g, 0, NULL), 1), 6, text, sizeof text), "operator");
	sql_exec(world_db(&w), "update m2m.client_secret set created_by = null");
	expect_status(get(&w, "/m2m/secrets", admin, &r), 200);
	cr_expect(says("\"created_by\":null"), "%s", r.body);
}

/* ---- sums ---- */

/* `n` tokens of the client, all at that time. */
static void add_tokens(const struct org *o, const char *client_id, const char *at, const char *address, int version, int n)
{
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, remote_addr) select '%s', now(), gen_random_uuid(), '%s',"
		" gen_random_uuid(), gen_random_uuid(), nullif(%d, 0), 'r', '%s', 'k', 'c', 'api', 'a', '%s' from generate_series(1, %d)",
		at, o->id, version, client_id, address, n);
}

static void expect_sums(const char *query, const char *sums, long others)
{
	char want[64];
	expect_status(ask(SUMS, query, admin), 200);
	const char *begin = strstr(r.body, "\"sums\":");
	cr_assert(begin != NULL, "%s", r.body);
	snprintf(want, sizeof want, ",\"others\":%ld}", others);
	cr_expect(strncmp(begin + 7, sums, strlen(sums)) == 0 && strncmp(begin + 7 + strlen(sums), want, strlen(want)) == 0, "%s: %s\n%s",
		  query, r.body, sums);
}

Test(sums, days_are_those_of_the_zone_s_clocks_and_none_is_left_out)
{
	add_tokens(&acme, acme.client_id, "2026-03-28 22:59:59.999999Z", "192.0.2.1", 1, 7);
	add_tokens(&acme, acme.client_id, "2026-03-28 23:00Z", "192.0.2.1", 1, 1);
	add_tokens(&acme, acme.client_id, "2026-03-29 21:59:59.999999Z", "192.0.2.1", 1, 1);
	add_tokens(&acme, acme.client_id, "2026-03-29 22:00Z", "192.0.2.1", 1, 3);
	add_tokens(&other, other.client_id, "2026-03-29 22:00Z", "192.0.2.1", 1, 50);
	/* the first of these has 23 hours */
	expect_sums("?by=day&time_zone=Europe/Berlin&issued_after=2026-03-28T23:00:00Z&issued_before=2026-03-31T22:00:00Z",
		    "[{\"at\":\"2026-03-28T23:00:00.000000Z\",\"tokens\":2},{\"at\":\"2026-03-29T22:00:00.000000Z\",\"tokens\":3},"
		    "{\"at\":\"2026-03-30T22:00:00.000000Z\",\"tokens\":0}]",
		    0);
	/* a day that is begun begins where it does, and what is outside the span isn't counted */
	expect_sums("?by=day&time_zone=Europe/Berlin&issued_after=2026-03-29T10:00:00Z&issued_before=2026-03-29T22:00:00.000001Z",
		    "[{\"at\":\"2026-03-28T23:00:00.000000Z\",\"tokens\":1},{\"at\":\"2026-03-29T22:00:00.000000Z\",\"tokens\":3}]", 0);
	expect_sums("?by=day&issued_after=2026-03-28T00:00:00Z&issued_before=2026-03-30T00:00:00Z",
		    "[{\"at\":\"2026-03-28T00:00:00.000000Z\",\"tokens\":8},{\"at\":\"2026-03-29T00:00:00.000000Z\",\"tokens\":4}]", 0);
	/* whose day at the change has no midnight */
	expect_sums("?by=day&time_zone=Africa/Cairo&issued_after=2026-04-23T12:00:00Z&issued_before=2026-04-24T12:00:00Z",
		    "[{\"at\":\"2026-04-22T22:00:00.000000Z\",\"tokens\":0},{\"at\":\"2026-04-23T22:00:00.000000Z\",\"tokens\":0}]", 0);
}

Test(sums, an_hour_that_the_clock_repeats_is_two)
{
	add_tokens(&acme, acme.client_id, "2025-10-26 00:30Z", "192.0.2.1", 1, 1);
	add_tokens(&acme, acme.client_id, "2025-10-26 01:30Z", "192.0.2.1", 1, 2);
	expect_sums("?by=hour&time_zone=Europe/Berlin&issued_after=2025-10-26T00:00:00Z&issued_before=2025-10-26T03:00:00Z",
		    "[{\"at\":\"2025-10-26T00:00:00.000000Z\",\"tokens\":1},{\"at\":\"2025-10-26T01:00:00.000000Z\",\"tokens\":2},"
		    "{\"at\":\"2025-10-26T02:00:00.000000Z\",\"tokens\":0}]",
		    0);
	expect_sums("?by=hour&time_zone=Asia/Kolkata&issued_after=2025-10-26T00:30:00Z&issued_before=2025-10-26T02:30:00Z",
		    "[{\"at\":\"2025-10-26T00:30:00.000000Z\",\"tokens\":1},{\"at\":\"2025-10-26T01:30:00.000000Z\",\"tokens\":2}]", 0);
	/* its clock is set back by half an hour */
	add_tokens(&acme, acme.client_id, "2026-04-04 15:10Z", "192.0.2.1", 1, 5);
	expect_sums("?by=hour&time_zone=Australia/Lord_Howe&issued_after=2026-04-04T14:00:00Z&issued_before=2026-04-04T16:30:00Z",
		    "[{\"at\":\"2026-04-04T14:00:00.000000Z\",\"tokens\":0},{\"at\":\"2026-04-04T15:00:00.000000Z\",\"tokens\":5},"
		    "{\"at\":\"2026-04-04T15:30:00.000000Z\",\"tokens\":0}]",
		    0);
}

Test(sums, the_largest_come_first_and_the_rest_is_told)
{
	char query[256], want[256];
	for (int i = 1; i <= 130; i++) {
		char address[32];
		snprintf(address, sizeof address, "192.0.2.%d", i);
		add_tokens(&acme, i % 2 == 0 ? acme.client_id : GONE, "2026-03-29 10:00Z", address, i % 3, i);
	}
	sql_exec(world_db(&w),
		 "insert into m2m.client (client_id, organization_id, audiences, secret_version) values ('" GONE "', '%s', '{a}', 1)",
		 acme.id);
#define SPAN "&issued_after=2026-03-29T00:00:00Z&issued_before=2026-03-30T00:00:00Z"
	expect_status(ask(SUMS, "?by=address" SPAN, admin), 200);
	cr_expect_eq(occurrences(r.body, "\"remote_addr\":"), 100);
	cr_expect(says("\"sums\":[{\"remote_addr\":\"192.0.2.130\",\"tokens\":130},{\"remote_addr\":\"192.0.2.129\",\"tokens\":129}"), "%s",
		  r.body);
	cr_expect(says("\"others\":465}"), "%s", r.body);
	snprintf(query, sizeof query, "?by=address&client_id=%s" SPAN, acme.client_id);
	expect_status(ask(SUMS, query, admin), 200);
	cr_expect(occurrences(r.body, "\"remote_addr\":") == 65 && says("\"others\":0}"), "%s", r.body);
	snprintf(want, sizeof want, "[{\"client_id\":\"%s\",\"tokens\":4290},{\"client_id\":\"" GONE "\",\"tokens\":4225}]",
		 acme.client_id);
	expect_sums("?by=client" SPAN, want, 0);
	expect_sums(
		"?by=version" SPAN,
		"[{\"secret_version\":1,\"tokens\":2882},{\"secret_version\":null,\"tokens\":2838},{\"secret_version\":2,\"tokens\":2795}]",
		0);
	expect_sums("?by=version&client_id=m2m_AAAAAAAAAAAAAAAAAAAAA1" SPAN, "[]", 0);
}

Test(sums, the_span_is_the_last_thirty_days_unless_it_is_told)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	expect_status(ask(SUMS, "?by=client", admin), 200);
	char want[256];
	snprintf(want, sizeof want, "{\"client_id\":\"%s\",\"tokens\":1}", acme.client_id);
	cr_expect(says(want) && says("{\"client_id\":null,\"tokens\":1}"), "the operator's too: %s", r.body);
	expect_status(ask(SUMS, "?by=day", admin), 200);
	cr_expect_eq(occurrences(r.body, "\"at\":"), 31, "%s", r.body);
	bool today = says("\"tokens\":2}],\"others\":0");
	bool midnight = sql_int(world_db(&w), "select extract(epoch from statement_timestamp())::int8 %% 86400") < 20;
	cr_expect(today || midnight, "%s", r.body);
	expect_status(ask(SUMS, "?by=hour&issued_after=2026-01-01T00:00:00Z&issued_before=2026-04-03T00:00:00Z", admin), 200);
	cr_expect_eq(occurrences(r.body, "\"at\":"), 92 * 24);
}

Test(sums, what_can_t_be_counted_is_refused)
{
	static const char *const queries[] = {"",
					      "?by=week",
					      "?by=day&time_zone=Europe/Berlim",
					      "?by=day&time_zone=Europe/Berlin'",
					      "?by=day&issued_after=2026-03-29T00:00:00Z&issued_before=2026-03-29T00:00:00Z",
					      "?by=day&issued_after=2026-01-01T00:00:00Z&issued_before=2026-04-03T01:00:01Z",
					      "?by=day&issued_after=x",
					      "?by=day&page_size=1"};
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		int status = ask(SUMS, queries[i], admin);
		cr_expect(status == 400 && is_problem(&r, "invalid_request"), "%s: %d %s", queries[i], status, r.body);
	}
}

/* The function that names addresses is made slow, once for each token. */
Test(sums, what_takes_too_long_is_told_and_the_connection_stays)
{
	add_tokens(&acme, acme.client_id, "2026-03-29 10:00Z", "192.0.2.1", 1, 1);
	sql_exec(world_db(&w), "create or replace function m2m.unmapped(address inet) returns inet language plpgsql immutable as"
			       " $$ begin perform pg_sleep(4.1); return address; end $$");
	expect_status(ask(SUMS, "?by=address&issued_after=2026-03-29T00:00:00Z&issued_before=2026-03-31T00:00:00Z", admin), 503);
	cr_expect(says("There are too many tokens to count in time."), "%s", r.body);
	expect_status(ask(SUMS, "?by=client&issued_after=2026-03-29T00:00:00Z&issued_before=2026-03-31T00:00:00Z", admin), 200);
	cr_expect_eq(gateway_log_count(&w.gateway, "\"event\":\"store_down\"", NULL, 0), 0);
}

/* ---- over gRPC ---- */

Test(acts, both_are_told_over_grpc)
{
	static struct grpc_reply g;
	static struct pb m;
	char text[128];
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	m.n = 0;
	pb_put_text(&m, 2, "read_secret");
	cr_assert_eq(grpc_call(w.gateway.grpc,
			       &(struct grpc_request){.path = "/m2m.v1.M2MClients/ListActs", .bearer = admin, .message = &m}, &g),
		     0);
	struct str act = pb_bytes(grpc_message(&g, 0, NULL), 1);
	cr_expect_str_eq(pb_text(act, 3, text, sizeof text), "read_secret");
	cr_expect_str_eq(pb_text(act, 6, text, sizeof text), acme.client_id);
	cr_expect_eq(pb_int(act, 7), 1);
	cr_expect_str_eq(pb_text(act, 8, text, sizeof text), "{}");
	client_token(&w, &acme, (char[TOKEN_MAX]){0});
	m.n = 0;
	pb_put_text(&m, 1, "version");
	pb_put_text(&m, 2, acme.client_id);
	cr_assert_eq(grpc_call(w.gateway.grpc,
			       &(struct grpc_request){.path = "/m2m.v1.M2MClients/SumTokens", .bearer = admin, .message = &m}, &g),
		     0);
	struct str sum = pb_bytes(grpc_message(&g, 0, NULL), 4);
	cr_expect(pb_int(sum, 4) == 1 && pb_int(sum, 5) == 1);
	m.n = 0;
	pb_put_text(&m, 1, "week");
	cr_assert_eq(grpc_call(w.gateway.grpc,
			       &(struct grpc_request){.path = "/m2m.v1.M2MClients/SumTokens", .bearer = admin, .message = &m}, &g),
		     3);
}
