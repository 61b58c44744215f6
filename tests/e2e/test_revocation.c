/* What becomes of a token: introspection (RFC 7662), revocation (RFC 7009), ends of many at once,
 * and the list of them, over both transports and on two gateways. The last test is a history in
 * the manner of test_concurrency.c: once an end has returned on one gateway, no gateway takes the
 * token for good. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define FORM       "application/x-www-form-urlencoded"
#define INTROSPECT "/oauth2/introspect"
#define REVOKE     "/oauth2/revoke"
#define LIST       "/oauth2/revocations"
#define INACTIVE   "{\"active\":false}\n"
#define SECONDS    1200 /* ms: iat is in whole seconds */

#define GRPC_INTROSPECT "/m2m.v1.M2MClients/IntrospectToken"
#define GRPC_REVOKE     "/m2m.v1.M2MClients/RevokeToken"

static struct world w;
static struct gateway second;
static struct org acme, other;
static char api[128];  /* id:secret of the API that is asked with tokens */
static char mine[128]; /* of acme's client */
static char admin[TOKEN_MAX], token[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;
static struct ctl_result ran;

static void make_api(struct world *all)
{
	char id[64], secret[SECRET_MAX];
	org_create(all, "other", &other);
	world_ctl(all, &ran, "client", "create", "--org", "other", "--role", "resource_server", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", id, sizeof id);
	ctl_value(&ran, "M2M_CLIENT_SECRET", secret, sizeof secret);
	snprintf(api, sizeof api, "%s:%s", id, secret);
}

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	snprintf(mine, sizeof mine, "%s:%s", acme.client_id, acme.secret);
	make_api(all);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(mine), KEPT(api), KEPT(admin));

static void open_world(void)
{
	world_open_filled(&w);
	client_token(&w, &acme, token);
}

static void close_world(void)
{
	gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(revocation, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- asking ---- */

static int shown(uint16_t port, const char *path, const char *basic, const char *bearer, const char *what)
{
	char form[TOKEN_MAX + 64];
	snprintf(form, sizeof form, "token_type_hint=access_token&token=%s", what);
	const struct http_request q = {.path = path, .basic = basic, .bearer = bearer, .type = FORM, .body = form};
	return http_call(port, &q, &r);
}

static bool is_active(const char *what)
{
	expect_status(shown(w.gateway.http, INTROSPECT, api, NULL, what), 200);
	bool active = strncmp(r.body, "{\"active\":true,", 15) == 0;
	cr_assert(active || strcmp(r.body, INACTIVE) == 0, "%s", r.body);
	return active;
}

static void revoke(const char *basic, const char *what)
{
	expect_status(shown(w.gateway.http, REVOKE, basic, NULL, what), 200);
}

static bool opens(const char *what)
{
	int status = get(&w, "/m2m/client-id", what, &r);
	cr_assert(status == 200 || status == 401, "%d: %s", status, r.body);
	return status == 200;
}

static bool issues(const char *what)
{
	int status = m2m_token(&w, what, acme.client_id, acme.secret, &r);
	cr_assert(status == 200 || status == 401, "%d: %s", status, r.body);
	return status == 200;
}

static int64_t acts(const char *action)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s' and outcome = 'granted'", action);
}

/* ---- introspection ---- */

Test(revocation, of_a_good_token_its_claims_are_told)
{
	char text[256], claim[256];
	cr_assert(is_active(token));
	cr_expect_str_eq(body_text(&r, "scope", text, sizeof text), claim_text(token, "scope", claim, sizeof claim));
	cr_expect_str_eq(body_text(&r, "client_id", text, sizeof text), acme.client_id);
	cr_expect_str_eq(body_text(&r, "sub", text, sizeof text), acme.client_id);
	cr_expect_str_eq(body_text(&r, "token_type", text, sizeof text), "Bearer");
	cr_expect_str_eq(body_text(&r, "aud", text, sizeof text), claim_text(token, "aud", claim, sizeof claim));
	cr_expect_str_eq(body_text(&r, "iss", text, sizeof text), claim_text(token, "iss", claim, sizeof claim));
	cr_expect_str_eq(body_text(&r, "jti", text, sizeof text), claim_text(token, "jti", claim, sizeof claim));
	cr_expect_str_eq(body_text(&r, "organization_id", text, sizeof text), acme.id);
	cr_expect_eq(body_int(&r, "exp"), claim_int(token, "exp"));
	cr_expect_eq(body_int(&r, "iat"), claim_int(token, "iat"));
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "no-store");
	cr_assert(is_active(admin), "an operator's is one of ours");
	cr_expect_str_eq(body_text(&r, "client_id", text, sizeof text), "");
}

Test(revocation, of_any_other_nothing_is_told)
{
	char damaged[TOKEN_MAX];
	static char longest[15000];
	snprintf(damaged, sizeof damaged, "%s", token);
	char *last = &damaged[strlen(damaged) - 10];
	*last = *last == 'A' ? 'B' : 'A';
	cr_expect_not(is_active(damaged));
	cr_expect_not(is_active("eyJhbGciOiJub25lIn0.e30."));
	cr_expect_not(is_active("x"));
	memset(longest, 'a', sizeof longest - 100);
	const struct http_request q = {.path = INTROSPECT, .basic = api, .type = FORM, .body = longest};
	memcpy(longest, "token=", 6);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	cr_expect_str_eq(r.body, INACTIVE);
	world_ctl(&w, &ran, "token", "mint", "--org", "acme", "--lifetime", "1", "--output", "text");
	char *end = strpbrk(ran.out, "\n ");
	if (end != NULL)
		*end = '\0';
	sleep_ms(2100);
	cr_expect_not(is_active(ran.out), "%s", ran.out);
}

Test(revocation, a_disabled_client_s_or_organization_s_token_is_not_active)
{
	world_ctl(&w, &ran, "client", "disable", acme.client_id);
	cr_expect_not(is_active(token));
	cr_expect(is_active(admin), "which is the organization's");
	world_ctl(&w, &ran, "client", "enable", acme.client_id);
	cr_expect(is_active(token));
	world_ctl(&w, &ran, "org", "disable", "acme");
	cr_expect_not(is_active(token));
	cr_expect_not(is_active(admin));
}

Test(revocation, a_token_of_a_revoked_key_is_not_active_at_once)
{
	char kid[128];
	snprintf(kid, sizeof kid, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key_current"));
	cr_assert(is_active(token));
	sql_exec(world_db(&w), "update m2m.signing_key set state = 'revoked', revoked_at = now() where kid = '%s'", kid);
	cr_expect_not(is_active(token), "though no gateway has read its keys again");
}

Test(revocation, resource_servers_admins_and_the_platform_may_ask)
{
	char member[TOKEN_MAX], stranger[TOKEN_MAX], platform[TOKEN_MAX], theirs[128], form[TOKEN_MAX + 256], wrong[SECRET_MAX], text[64];
	mint(&w, "acme", "member", member);
	mint(&w, "other", "admin", stranger);
	mint_platform(&w, "backend", platform);
	expect_status(shown(w.gateway.http, INTROSPECT, NULL, admin, token), 200);
	cr_expect(strstr(r.body, "\"active\":true") != NULL, "%s", r.body);
	expect_status(shown(w.gateway.http, INTROSPECT, NULL, platform, token), 200);
	cr_expect(strstr(r.body, "\"active\":true") != NULL, "%s", r.body);
	expect_status(shown(w.gateway.http, INTROSPECT, NULL, stranger, token), 200);
	cr_expect_str_eq(r.body, INACTIVE, "an admin is told of its own organization's");
	expect_status(shown(w.gateway.http, INTROSPECT, NULL, member, token), 403);
	cr_expect(is_problem(&r, "forbidden"), "%s", r.body);
	snprintf(theirs, sizeof theirs, "%s:%s", other.client_id, other.secret);
	expect_status(shown(w.gateway.http, INTROSPECT, theirs, NULL, token), 403);
	cr_expect(is_problem(&r, "forbidden") && strstr(r.body, "resource_server") != NULL, "%s", r.body);
	wrong_secret(wrong);
	snprintf(theirs, sizeof theirs, "%.26s:%s", api, wrong);
	expect_status(shown(w.gateway.http, INTROSPECT, theirs, NULL, token), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	cr_expect_str_eq(http_header(&r, "WWW-Authenticate", text, sizeof text), "Basic realm=\"m2m-gateway\"");
	expect_status(shown(w.gateway.http, INTROSPECT, NULL, NULL, token), 401);
	snprintf(form, sizeof form, "token=%s&client_id=%.26s&client_secret=%s", token, api, api + 27);
	expect_status(post_form(&w, INTROSPECT, NULL, form, &r), 200);
	cr_expect(strstr(r.body, "\"active\":true") != NULL, "as client_secret_post: %s", r.body);
	expect_status(post_form(&w, INTROSPECT, admin, form, &r), 400);
	const struct http_request none = {.path = INTROSPECT, .basic = api, .type = FORM, .body = "token="};
	expect_status(http_call(w.gateway.http, &none, &r), 400);
	cr_expect(is_oauth_error(&r, "invalid_request"), "%s", r.body);
	snprintf(form, sizeof form, INTROSPECT "?token=%.100s", token);
	const struct http_request query = {.path = form, .basic = api, .type = FORM, .body = "token=x"};
	expect_status(http_call(w.gateway.http, &query, &r), 400);
	gateway_stop(&w.gateway, 15000);
	cr_expect_eq(sql_int(world_db(&w),
			     "select sum(attempts) from m2m.denied_audit where client_id = '%.26s' and reason = 'invalid_client'", api),
		     1);
	cr_expect_eq(sql_int(world_db(&w), "select sum(attempts) from m2m.denied_audit where client_id = '%s' and reason = 'forbidden'",
			     other.client_id),
		     1);
}

/* Introspections of many callers travel in one statement: each of these has its own answer. */
#define CROWD 14

struct one_of_crowd {
	pthread_t id;
	const char *basic, *shown, *from; /* its address */
	int status, wrong;
	const char *begins; /* its answer */
	struct http_reply answer;
	struct http_conn conn;
};

static void *ask_in_crowd(void *arg)
{
	struct one_of_crowd *one = arg;
	char form[TOKEN_MAX + 16];
	snprintf(form, sizeof form, "token=%s", one->shown);
	const struct http_request q = {.path = INTROSPECT, .basic = one->basic, .type = FORM, .body = form};
	one->wrong = http_open_from(&one->conn, one->from, w.gateway.http) ? 0 : 1;
	for (int i = 0; i < 60 && one->wrong == 0; i++)
		one->wrong = http_call_on(&one->conn, &q, &one->answer) != one->status ||
			     strncmp(one->answer.body, one->begins, strlen(one->begins)) != 0;
	http_close(&one->conn);
	return NULL;
}

Test(revocation, of_many_that_ask_at_once_each_gets_its_own_answer)
{
	static struct one_of_crowd crowd[CROWD];
	char theirs[TOKEN_MAX], wrong[SECRET_MAX], guess[128], begins[2][256], roleless[128], client[64];
	wrong_secret(wrong);
	client_token(&w, &other, theirs);
	snprintf(client, sizeof client, "%.26s", api);
	world_ctl(&w, &ran, "client", "set", client, "--allow-network", "127.0.0.1/32");
	snprintf(guess, sizeof guess, "%.26s:%s", api, wrong);
	snprintf(roleless, sizeof roleless, "%s:%s", other.client_id, other.secret);
	snprintf(begins[0], sizeof begins[0], "{\"active\":true,\"scope\":\"api\",\"client_id\":\"%s\"", acme.client_id);
	snprintf(begins[1], sizeof begins[1], "{\"active\":true,\"scope\":\"api\",\"client_id\":\"%s\"", other.client_id);
	const struct one_of_crowd kinds[] = {
		{.basic = api, .shown = token, .status = 200, .begins = begins[0]},
		{.basic = api, .shown = token, .from = "127.0.0.2", .status = 403, .begins = "{\"error\":\"unauthorized_client\""},
		{.basic = api, .shown = theirs, .status = 200, .begins = begins[1]},
		{.basic = api, .shown = "x", .status = 200, .begins = INACTIVE},
		{.basic = guess, .shown = token, .status = 401, .begins = "{\"error\":\"invalid_client\""},
		{.basic = roleless, .shown = theirs, .status = 403, .begins = "{\"type\""}};
	for (size_t i = 0; i < CROWD; i++) {
		crowd[i] = kinds[i % (sizeof kinds / sizeof *kinds)];
		crowd[i].from = crowd[i].from == NULL ? "127.0.0.1" : crowd[i].from;
		cr_assert_eq(pthread_create(&crowd[i].id, NULL, ask_in_crowd, &crowd[i]), 0);
	}
	for (size_t i = 0; i < CROWD; i++) {
		pthread_join(crowd[i].id, NULL);
		cr_expect_eq(crowd[i].wrong, 0, "%zu: %d %s", i, crowd[i].answer.status, crowd[i].answer.body);
	}
}

/* What is asked while the database can't answer is answered all the same. */
Test(revocation, what_can_not_be_asked_now_is_503)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "lock table m2m.revoked_token in access exclusive mode");
	expect_status(shown(w.gateway.http, INTROSPECT, api, NULL, token), 503);
	cr_expect(is_problem(&r, "store_unavailable"), "%s", r.body);
	sql_exec(db, "rollback");
	cr_expect(is_active(token));
}

/* ---- revocation ---- */

Test(revocation, a_client_s_own_token_ends)
{
	char kept[TOKEN_MAX], jti[64];
	client_token(&w, &acme, kept);
	cr_assert(is_active(token) && opens(token) && issues(token));
	revoke(mine, token);
	cr_expect_not(is_active(token));
	cr_expect_not(opens(token));
	cr_expect_not(issues(token));
	expect_status(get(&w, "/m2m/client-secret", token, &r), 401);
	expect_status(get(&w, "/m2m/audit/tokens", token, &r), 401);
	expect_status(rotate(&w, token, 0, &r), 401);
	expect_status(shown(w.gateway.http, INTROSPECT, NULL, token, kept), 401);
	cr_expect(is_active(kept) && opens(kept) && issues(kept), "and no other");
	claim_text(token, "jti", jti, sizeof jti);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'revoke_token' and outcome = 'granted' and actor = '%s'"
			     " and client_id = '%s' and organization_id = '%s' and secret_version = 1 and detail->>'jti' = '%s'",
			     acme.client_id, acme.client_id, acme.id, jti),
		     1);
	revoke(mine, token);
	cr_expect_eq(acts("revoke_token"), 1, "the second time there is nothing to end");
}

Test(revocation, nothing_else_ends_and_that_is_no_error)
{
	char theirs[128], wrong[SECRET_MAX];
	snprintf(theirs, sizeof theirs, "%s:%s", other.client_id, other.secret);
	revoke(theirs, token);
	revoke(mine, "nonsense");
	revoke(mine, admin);
	cr_expect(is_active(token) && opens(token));
	cr_expect(is_active(admin) && opens(admin), "an operator's is not the client's own");
	cr_expect_eq(acts("revoke_token"), 0);
	wrong_secret(wrong);
	snprintf(theirs, sizeof theirs, "%s:%s", acme.client_id, wrong);
	expect_status(shown(w.gateway.http, REVOKE, theirs, NULL, token), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(shown(w.gateway.http, REVOKE, NULL, admin, token), 401);
	expect_status(shown(w.gateway.http, REVOKE, NULL, NULL, token), 401);
	cr_expect(is_active(token));
}

Test(revocation, what_can_not_be_recorded_is_not_answered_200)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "lock table m2m.revoked_token in share row exclusive mode");
	expect_status(shown(w.gateway.http, REVOKE, mine, NULL, token), 503);
	cr_expect(is_oauth_error(&r, "temporarily_unavailable"), "%s", r.body);
	sql_exec(db, "rollback");
	cr_expect(is_active(token));
	revoke(mine, token);
	cr_expect_not(is_active(token));
}

/* ---- many at once ---- */

static int rotate_revoking(const char *bearer, long grace)
{
	char body[128];
	snprintf(body, sizeof body, "{\"grace_seconds\":%ld,\"revoke_tokens\":true}", grace);
	return post_json(&w, "/m2m/rotate", bearer, body, &r);
}

Test(revocation, a_rotation_alone_leaves_its_tokens_to_the_public_api_and_one_that_says_so_ends_them)
{
	char old[TOKEN_MAX];
	memcpy(old, token, sizeof old);
	expect_status(rotate(&w, admin, 0, &r), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	cr_expect(is_active(old));
	cr_expect_not(opens(old));
	client_token(&w, &acme, token);
	expect_status(rotate_revoking(admin, 0), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	cr_expect_not(is_active(token));
	cr_expect(is_active(old), "whose version had ended before");
	client_token(&w, &acme, token);
	cr_expect(is_active(token) && opens(token), "the new secret's, in the same second");
	cr_expect_eq(
		sql_int(world_db(&w),
			"select count(*) from m2m.admin_audit where action = 'rotate_secret' and detail @> '{\"revoke_tokens\":true}'"),
		1);
	expect_status(post_json(&w, "/m2m/rotate", admin, "{\"revoke_tokens\":1}", &r), 400);
}

Test(revocation, a_rotation_that_says_so_ends_the_tokens_of_a_grace_that_is_over_too)
{
	char first[TOKEN_MAX];
	memcpy(first, token, sizeof first);
	expect_status(rotate(&w, admin, 1, &r), 200);
	sleep_ms(1200);
	expect_status(rotate(&w, admin, 600, &r), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	cr_expect(is_active(first));
	expect_status(rotate_revoking(admin, 0), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	cr_expect_not(is_active(first));
}

Test(revocation, with_a_grace_the_old_secret_s_later_tokens_stay)
{
	char later[TOKEN_MAX];
	expect_status(rotate_revoking(admin, 600), 200);
	cr_expect_not(is_active(token));
	cr_expect_not(opens(token));
	sleep_ms(SECONDS);
	client_token(&w, &acme, later);
	cr_expect_eq(claim_int(later, "secret_version"), 1);
	cr_expect(is_active(later) && opens(later));
}

Test(revocation, the_platform_and_m2mctl_rotate_so_too)
{
	char platform[TOKEN_MAX], path[128];
	mint_platform(&w, "backend", platform);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotate", acme.client_id);
	expect_status(post_json(&w, path, platform, "{\"revoke_tokens\":true}", &r), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	cr_expect_not(is_active(token));
	client_token(&w, &acme, token);
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--revoke-tokens");
	cr_expect_not(is_active(token));
}

/* The same key and another wish are two requests. */
Test(revocation, a_repeated_rotation_has_the_same_wish)
{
	struct http_request q = {.path = "/m2m/rotate", .bearer = admin, .type = "application/json", .headers = "Idempotency-Key: k\r\n"};
	q.body = "{\"revoke_tokens\":true}";
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	cr_expect_eq(body_int(&r, "version"), 2);
	q.body = "{}";
	expect_status(http_call(w.gateway.http, &q, &r), 422);
}

Test(revocation, an_operator_ends_a_version_s_tokens_a_client_s_and_an_organization_s)
{
	char next[TOKEN_MAX];
	expect_status(rotate(&w, admin, 600, &r), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	client_token(&w, &acme, next);
	cr_assert(is_active(token) && is_active(next));
	world_ctl(&w, &ran, "client", "revoke-tokens", "--org", "acme", "--version", "1");
	cr_expect_not(is_active(token) || opens(token));
	cr_expect(is_active(next) && opens(next));
	world_ctl(&w, &ran, "client", "revoke-tokens", acme.client_id, "--all");
	cr_expect_not(is_active(next) || opens(next) || issues(next));
	cr_expect(is_active(admin) && opens(admin), "which is no client's");
	sleep_ms(SECONDS);
	client_token(&w, &acme, next);
	cr_expect(is_active(next) && opens(next) && issues(next));
	world_ctl(&w, &ran, "org", "revoke-tokens", "acme");
	cr_expect_not(is_active(next) || opens(next));
	cr_expect_not(is_active(admin) || opens(admin) || issues(admin));
	sleep_ms(SECONDS);
	client_token(&w, &acme, next);
	cr_expect(is_active(next) && opens(next));
	cr_expect_eq(acts("revoke_tokens"), 3);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "client", "revoke-tokens", "--org", "acme", "--version", "9"), 4);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "client", "revoke-tokens", "--org", "acme"), 2);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "org", "revoke-tokens", "nobody"), 4);
}

/* ---- the list ---- */

static int list(const char *basic, const char *bearer, const char *headers)
{
	const struct http_request q = {.path = LIST, .basic = basic, .bearer = bearer, .headers = headers};
	return http_call(w.gateway.http, &q, &r);
}

static bool lists(const char *text)
{
	return strstr(r.body, text) != NULL;
}

Test(revocation, the_list_has_what_ended_and_leaves_what_expired)
{
	char jti[64], entry[256], tag[128], headers[256], text[64], stranger[TOKEN_MAX], member[TOKEN_MAX];
	expect_status(list(api, NULL, NULL), 200);
	cr_expect_str_eq(r.body, "{\"revocations\":[],\"not_before\":[]}\n");
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "private, max-age=5");
	http_header(&r, "ETag", tag, sizeof tag);
	snprintf(headers, sizeof headers, "If-None-Match: \"x\", W/%s\r\n", tag);
	expect_status(list(api, NULL, headers), 304);
	cr_expect_eq(r.body_n, 0U);
	cr_expect_str_eq(http_header(&r, "ETag", text, sizeof text), tag);

	revoke(mine, token);
	expect_status(list(api, NULL, headers), 200);
	claim_text(token, "jti", jti, sizeof jti);
	snprintf(entry, sizeof entry, "{\"revocations\":[{\"jti\":\"%s\",\"exp\":%lld}],\"not_before\":[]}\n", jti,
		 (long long)claim_int(token, "exp"));
	cr_expect_str_eq(r.body, entry);
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--lifetime", "60");
	world_ctl(&w, &ran, "client", "revoke-tokens", "--org", "acme", "--version", "1");
	world_ctl(&w, &ran, "org", "revoke-tokens", "acme");
	expect_status(list(NULL, admin, NULL), 401);
	sleep_ms(SECONDS);
	mint(&w, "acme", "admin", admin);
	expect_status(list(NULL, admin, NULL), 200);
	snprintf(entry, sizeof entry, "{\"client_id\":\"%s\",\"secret_version\":1,\"not_before\":", acme.client_id);
	cr_expect(lists(entry), "%s", r.body);
	snprintf(entry, sizeof entry, "{\"organization_id\":\"%s\",\"not_before\":", acme.id);
	cr_expect(lists(entry), "%s", r.body);
	cr_expect_str_eq(
		sql_text(world_db(&w), "select expires_at - now() > interval '23 hours' from m2m.tokens_ended where client_id <> ''"), "t",
		"those of the lifetime before live on");
	mint(&w, "other", "admin", stranger);
	mint(&w, "acme", "member", member);
	expect_status(list(NULL, stranger, NULL), 200);
	cr_expect_str_eq(r.body, "{\"revocations\":[],\"not_before\":[]}\n");
	expect_status(list(NULL, member, NULL), 403);
	expect_status(list(mine, NULL, NULL), 403);
	expect_status(list(NULL, NULL, NULL), 401);
	sql_exec(world_db(&w), "alter table m2m.tokens_ended disable trigger all");
	sql_exec(world_db(&w), "update m2m.tokens_ended set expires_at = now()");
	sql_exec(world_db(&w), "update m2m.revoked_token set expires_at = now()");
	expect_status(list(api, NULL, NULL), 200);
	cr_expect_str_eq(r.body, "{\"revocations\":[],\"not_before\":[]}\n");
}

/* A gateway cleans when it starts, and then by the hour. */
Test(revocation, what_expired_is_forgotten_and_nothing_else_is)
{
	revoke(mine, token);
	sql_exec(world_db(&w), "insert into m2m.revoked_token values (gen_random_uuid(), now() - interval '1 s', '%s', '%s', now(), 'it')",
		 acme.client_id, acme.id);
	sql_exec(world_db(&w), "insert into m2m.tokens_ended values ('%s', '%s', 1, '', 'infinity', now() - interval '1 s')", acme.id,
		 acme.client_id);
	gateway_start(&second, &w.gateway_env);
	for (int tries = 0; sql_int(world_db(&w), "select count(*) from m2m.revoked_token") > 1 && tries < 100; tries++)
		sleep_ms(50);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.revoked_token"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.tokens_ended"), 0);
	cr_expect_not(is_active(token));
}

/* ---- gRPC ---- */

static int call_grpc(const char *path, const char *bearer, const char *what, const char *client_id, const char *secret)
{
	static struct pb m;
	m.n = 0;
	pb_put_text(&m, 1, what);
	pb_put_text(&m, 3, client_id);
	pb_put_text(&m, 4, secret);
	const struct grpc_request q = {.path = path, .bearer = bearer, .message = &m};
	return grpc_call(w.gateway.grpc, &q, &g);
}

static bool grpc_is_active(const char *bearer, const char *what, const char *client_id, const char *secret)
{
	bool compressed;
	cr_assert_eq(call_grpc(GRPC_INTROSPECT, bearer, what, client_id, secret), 0, "%s", g.fields);
	return pb_int(grpc_message(&g, 0, &compressed), 1) == 1;
}

Test(revocation, grpc_has_the_same_answers)
{
	char text[256], id[32];
	bool compressed;
	snprintf(id, sizeof id, "%.26s", api);
	cr_assert(grpc_is_active(NULL, token, id, api + 27));
	struct str m = grpc_message(&g, 0, &compressed);
	cr_expect_str_eq(pb_text(m, 3, text, sizeof text), acme.client_id);
	cr_expect_eq(pb_int(m, 5), claim_int(token, "exp"));
	cr_expect_str_eq(pb_text(m, 11, text, sizeof text), acme.id);
	cr_expect(grpc_is_active(admin, token, "", ""));
	cr_expect_not(grpc_is_active(admin, "nonsense", "", ""));
	cr_expect_eq(call_grpc(GRPC_INTROSPECT, NULL, token, "", ""), 16);
	cr_expect_eq(call_grpc(GRPC_INTROSPECT, NULL, token, acme.client_id, acme.secret), 7);
	cr_expect_eq(call_grpc(GRPC_INTROSPECT, admin, token, id, api + 27), 3);
	cr_expect_eq(call_grpc(GRPC_REVOKE, NULL, token, acme.client_id, api + 27), 16);
	cr_expect_eq(call_grpc(GRPC_REVOKE, NULL, token, acme.client_id, acme.secret), 0);
	cr_expect_not(grpc_is_active(admin, token, "", ""));
	cr_expect_eq(grpc_get_id(&w, token, NULL, &g), 16);
}

/* ---- limits ---- */

static void limited_world(void)
{
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=4");
	gateway_start(&w.gateway, &w.gateway_env);
	client_token(&w, &acme, token);
}

Test(revocation, wrong_secrets_are_limited_and_right_ones_are_not, .init = limited_world)
{
	char wrong[SECRET_MAX], guess[128];
	int status = 401;
	wrong_secret(wrong);
	snprintf(guess, sizeof guess, "%.26s:%s", api, wrong);
	for (int i = 0; i < 20; i++)
		cr_assert(is_active(token));
	for (int i = 0; i < 12 && status == 401; i++)
		status = shown(w.gateway.http, INTROSPECT, guess, NULL, token);
	cr_expect_eq(status, 429);
	expect_status(shown(w.gateway.http, REVOKE, mine, NULL, token), 200);
}

/* ---- a history on two gateways ---- */

#define GATEWAYS  2
#define REVOKERS  2
#define ASKERS    4
#define TOKENS    20000
#define CALLS_MAX 100000 /* of one asker */
#define AMONG     6      /* of the latest tokens one is asked about */
#define NEVER     INT64_MAX

struct history_token {
	char *text;
	int64_t begin, end; /* of its revocation; NEVER: none yet */
};

struct call {
	int64_t begin, end;
	int token;
	bool introspected, good;
};

struct asker {
	pthread_t id;
	unsigned seed, calls_n;
	struct call *calls;
	struct http_conn conns[GATEWAYS];
	struct http_reply answer;
};

static struct history_token tokens[TOKENS];
static atomic_int tokens_n;
static atomic_bool stop;
static atomic_uint faults;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static bool open_both(struct http_conn conns[GATEWAYS])
{
	if (http_open(&conns[0], w.gateway.http) && http_open(&conns[1], second.http))
		return true;
	atomic_fetch_add(&faults, 1);
	return false;
}

static int post_on(struct http_conn *c, const char *path, const char *basic, const char *form, struct http_reply *answer)
{
	const struct http_request q = {.path = path, .basic = basic, .type = FORM, .body = form};
	return http_call_on(c, &q, answer);
}

static int keep_token(const char *text)
{
	pthread_mutex_lock(&making);
	int n = atomic_load(&tokens_n);
	tokens[n] = (struct history_token){.text = strdup(text), .begin = NEVER, .end = NEVER};
	atomic_store(&tokens_n, n + 1);
	pthread_mutex_unlock(&making);
	return n;
}

/* A token, some time, its end. */
static void *revoke_on(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct http_reply *answer = malloc(sizeof *answer);
	struct http_conn *conns = malloc(GATEWAYS * sizeof *conns);
	char text[TOKEN_MAX], form[TOKEN_MAX + 16];
	int status = open_both(conns) ? 200 : 0;
	while (status == 200 && !atomic_load(&stop) && atomic_load(&tokens_n) < TOKENS - REVOKERS) {
		status = post_on(&conns[rand_r(&seed) % GATEWAYS], "/oauth2/token", mine, "grant_type=client_credentials", answer);
		if (status != 200)
			break;
		int n = keep_token(body_text(answer, "access_token", text, sizeof text));
		sleep_ms((int)(rand_r(&seed) % 40));
		snprintf(form, sizeof form, "token=%s", text);
		tokens[n].begin = clock_mono_us();
		status = post_on(&conns[rand_r(&seed) % GATEWAYS], REVOKE, mine, form, answer);
		tokens[n].end = status == 200 ? clock_mono_us() : NEVER;
	}
	atomic_fetch_add(&faults, status != 200);
	http_close(&conns[0]);
	http_close(&conns[1]);
	free(conns);
	free(answer);
	return NULL;
}

static int ask(struct asker *a, struct call *call, struct http_conn *c)
{
	char form[TOKEN_MAX + 16];
	const char *text = tokens[call->token].text;
	if (call->introspected) {
		snprintf(form, sizeof form, "token=%s", text);
		int status = post_on(c, INTROSPECT, api, form, &a->answer);
		call->good = status == 200 && strncmp(a->answer.body, "{\"active\":true", 14) == 0;
		return status == 200 ? 200 : 0;
	}
	int status = http_call_on(c, &(struct http_request){.path = "/m2m/client-id", .bearer = text}, &a->answer);
	call->good = status == 200;
	return status == 200 || status == 401 ? 200 : 0;
}

static void *ask_on(void *arg)
{
	struct asker *a = arg;
	int status = open_both(a->conns) ? 200 : 0;
	while (status == 200 && !atomic_load(&stop) && a->calls_n < CALLS_MAX) {
		int n = atomic_load(&tokens_n);
		if (n == 0) {
			sleep_ms(1);
			continue;
		}
		struct call *call = &a->calls[a->calls_n++];
		int back = (int)(rand_r(&a->seed) % AMONG);
		call->token = n - 1 - back < 0 ? 0 : n - 1 - back;
		call->introspected = rand_r(&a->seed) % 2 == 0;
		struct http_conn *c = &a->conns[rand_r(&a->seed) % GATEWAYS];
		call->begin = clock_mono_us();
		status = ask(a, call, c);
		call->end = clock_mono_us();
	}
	atomic_fetch_add(&faults, status != 200);
	http_close(&a->conns[0]);
	http_close(&a->conns[1]);
	return NULL;
}

static int seconds(void)
{
	const char *given = getenv("M2M_TEST_SECONDS");
	return given != NULL ? atoi(given) : getenv("M2M_TEST_LONG") != NULL ? 60 : 3;
}

static void make_history(struct asker *askers)
{
	pthread_t revokers[REVOKERS];
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i].seed = i + 1;
		askers[i].calls = calloc(CALLS_MAX, sizeof(struct call));
		cr_assert_eq(pthread_create(&askers[i].id, NULL, ask_on, &askers[i]), 0);
	}
	for (unsigned i = 0; i < REVOKERS; i++)
		cr_assert_eq(pthread_create(&revokers[i], NULL, revoke_on, (void *)(uintptr_t)(i + 1)), 0);
	sleep_ms(seconds() * 1000);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < REVOKERS; i++)
		pthread_join(revokers[i], NULL);
	for (unsigned i = 0; i < ASKERS; i++)
		pthread_join(askers[i].id, NULL);
	cr_assert_eq(atomic_load(&faults), 0, "%u threads met an answer that no history allows", atomic_load(&faults));
}

struct verdicts {
	unsigned had_to_be_good, had_to_be_refused[2]; /* by introspected */
};

static void check_call(const struct call *call, struct verdicts *sum)
{
	static const char *const names[] = {"GET /m2m/client-id", "POST /oauth2/introspect"};
	const struct history_token *t = &tokens[call->token];
	bool had_ended = call->begin > t->end, was_good = call->end < t->begin;
	cr_assert(!had_ended || !call->good, "%s: a token was good %lld us after its revocation had returned", names[call->introspected],
		  (long long)(call->begin - t->end));
	cr_assert(!was_good || call->good, "%s: a token was refused before anybody revoked it", names[call->introspected]);
	sum->had_to_be_good += was_good;
	sum->had_to_be_refused[call->introspected] += had_ended;
}

Test(revocation, a_revoked_token_is_good_nowhere_once_that_has_returned)
{
	static struct asker askers[ASKERS];
	struct verdicts sum = {0};
	gateway_start(&second, &w.gateway_env);
	make_history(askers);
	for (unsigned i = 0; i < ASKERS; i++)
		for (unsigned k = 0; k < askers[i].calls_n; k++)
			check_call(&askers[i].calls[k], &sum);
	cr_log_info("%d tokens; %u calls had to be good, %u and %u had to be refused\n", atomic_load(&tokens_n), sum.had_to_be_good,
		    sum.had_to_be_refused[0], sum.had_to_be_refused[1]);
	/* A history in which less happened would say little. */
	expect_enough(atomic_load(&tokens_n), 20);
	expect_enough(sum.had_to_be_good, 20);
	expect_enough(sum.had_to_be_refused[0], 20);
	expect_enough(sum.had_to_be_refused[1], 20);
	cr_assert_leq(acts("revoke_token"), atomic_load(&tokens_n));
	for (unsigned i = 0; i < ASKERS; i++)
		free(askers[i].calls);
	for (int i = 0; i < atomic_load(&tokens_n); i++)
		free(tokens[i].text);
}
