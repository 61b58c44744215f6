/* The token itself: verifiable with what is published, and told column by column by its row; and
 * the rows of everything else that was done. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin));

static void open_world(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
	crypto_fini();
}

TestSuite(tokens, .init = open_world, .fini = close_world, .timeout = 120);

/* The published key with the kid, as JSON text; the one that JWKS consists of flat objects is
 * what makes this simple. */
static void published_key(const char *kid, char out[2048])
{
	char mark[128];
	snprintf(mark, sizeof mark, "\"kid\":\"%s\"", kid);
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
	const char *at = strstr(r.body, mark);
	cr_assert_not_null(at, "no %s in %s", kid, r.body);
	while (*at != '{')
		at--;
	snprintf(out, 2048, "%.*s", (int)strcspn(at, "}") + 1, at);
}

static void expect_verifies(const char *token)
{
	struct arena *a = arena_new(1 << 20);
	struct jwt jwt;
	char kid[KID_MAX + 1], jwk[2048];
	cr_assert_eq(jwt_parse(a, str_of(token), &jwt), ERR_OK);
	snprintf(kid, sizeof kid, "%.*s", STR_ARG(jwt.kid));
	published_key(kid, jwk);
	struct signing_key *key;
	cr_assert_eq(signing_key_from_jwk(jwt.alg, str_of(jwk), &key), ERR_OK);
	cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
	cr_assert_eq(jwt_verify_libjwt(key, &jwt), ERR_OK);
	signing_key_free(key);
	arena_free(a);
}

Test(tokens, tokens_verify_against_the_published_keys)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	expect_verifies(token);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	body_text(&r, "access_token", token, sizeof token);
	expect_verifies(token);
	expect_verifies(admin);
}

Test(tokens, published_keys_hold_no_private_part)
{
	static const char *const private_members[] = {"\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"dq\"", "\"qi\"", "\"k\""};
	char type[64];
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
	cr_assert_not_null(strstr(http_header(&r, "Content-Type", type, sizeof type), "json"), "%s", type);
	cr_assert_not_null(strstr(http_header(&r, "Cache-Control", type, sizeof type), "max-age=300"), "%s", type);
	cr_assert_not_null(strstr(r.body, "\"kty\":\"RSA\""), "%s", r.body);
	cr_assert_not_null(strstr(r.body, "\"alg\":\"RS256\""), "%s", r.body);
	cr_assert_not_null(strstr(r.body, "\"use\":\"sig\""), "%s", r.body);
	for (unsigned i = 0; i < sizeof private_members / sizeof private_members[0]; i++)
		cr_assert_null(strstr(r.body, private_members[i]), "%s", r.body);
}

Test(tokens, the_metadata_tells_a_stock_client_where_to_go)
{
	static const char *const paths[] = {"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"};
	char text[256];
	for (unsigned i = 0; i < 2; i++) {
		expect_status(get(&w, paths[i], NULL, &r), 200);
		cr_assert_str_eq(body_text(&r, "issuer", text, sizeof text), "https://issuer.test");
		cr_assert_str_eq(body_text(&r, "token_endpoint", text, sizeof text), "https://issuer.test/oauth2/token");
		cr_assert_str_eq(body_text(&r, "jwks_uri", text, sizeof text), "https://issuer.test/.well-known/jwks.json");
		cr_assert_not_null(strstr(r.body, "\"grant_types_supported\":[\"client_credentials\"]"), "%s", r.body);
		cr_assert_not_null(strstr(r.body, "\"client_secret_basic\""), "%s", r.body);
		cr_assert_not_null(strstr(r.body, "\"client_secret_post\""), "%s", r.body);
		cr_assert_not_null(strstr(r.body, "\"response_types_supported\":"), "%s", r.body);
	}
}

static void expect_column(const char *jti, const char *column, const char *want)
{
	const char *got = sql_text(world_db(&w), "select %s from m2m.token_audit where jti = '%s'", column, jti);
	cr_assert_str_eq(got, want, "%s is %s, not %s", column, got, want);
}

/* Each column of the row of a token that /oauth2/token or /m2m/token has given. */
static void expect_row(const char *token, const char *request_id)
{
	char jti[64], text[256], number[32];
	struct arena *a = arena_new(1 << 20);
	struct jwt jwt;
	cr_assert_eq(jwt_parse(a, str_of(token), &jwt), ERR_OK);
	claim_text(token, "jti", jti, sizeof jti);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where jti = '%s'", jti), 1);
	cr_assert_eq(jti[14], '7', "%s is no UUIDv7", jti);

	expect_column(jti, "client_id", acme.client_id);
	expect_column(jti, "organization_id", acme.id);
	expect_column(jti, "secret_version", "1");
	expect_column(jti, "transport", "r");
	expect_column(jti, "host(remote_addr)", "127.0.0.1");
	expect_column(jti, "user_agent", "check/1.0");
	expect_column(jti, "request_id", request_id);
	expect_column(jti, "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	snprintf(text, sizeof text, "%.*s", STR_ARG(jwt.kid));
	expect_column(jti, "kid", text);
	expect_column(jti, "scope", claim_text(token, "scope", text, sizeof text));
	expect_column(jti, "audience", claim_text(token, "aud", text, sizeof text));
	snprintf(number, sizeof number, "%lld", (long long)claim_int(token, "iat"));
	expect_column(jti, "floor(extract(epoch from issued_at))::bigint", number);
	snprintf(number, sizeof number, "%lld", (long long)claim_int(token, "exp"));
	expect_column(jti, "floor(extract(epoch from expires_at))::bigint", number);
	expect_column(jti, "batch_id is not null and caller <> ''", "t");
	arena_free(a);
}

#define TRACE                                                                                                                              \
	"User-Agent: check/1.0\r\nX-Request-Id: 0192aaaa-bbbb-7ccc-8ddd-eeeeffff0001\r\n"                                                  \
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"

Test(tokens, claims_and_row_agree_column_by_column)
{
	char token[TOKEN_MAX], text[256], form[512];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	struct http_request q = {.path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .body = form, .headers = TRACE};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	body_text(&r, "access_token", token, sizeof token);
	expect_row(token, "0192aaaa-bbbb-7ccc-8ddd-eeeeffff0001");

	cr_assert_str_eq(claim_text(token, "iss", text, sizeof text), "https://issuer.test");
	cr_assert_str_eq(claim_text(token, "aud", text, sizeof text), "public-api");
	cr_assert_str_eq(claim_text(token, "sub", text, sizeof text), acme.client_id);
	cr_assert_str_eq(claim_text(token, "client_id", text, sizeof text), acme.client_id);
	cr_assert_str_eq(claim_text(token, "scope", text, sizeof text), "api");
	cr_assert_eq(claim_int(token, "secret_version"), 1);
	cr_assert_eq(claim_int(token, "exp") - claim_int(token, "iat"), 86400);
	cr_assert_eq(body_int(&r, "expires_in"), 86400);

	q.path = "/m2m/token";
	q.bearer = admin;
	q.headers = "User-Agent: check/1.0\r\nX-Request-Id: plain-words\r\ntraceparent: "
		    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n";
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	body_text(&r, "access_token", token, sizeof token);
	char request_id[64];
	snprintf(request_id, sizeof request_id, "%s", sql_text(world_db(&w), "select m2m.request_uuid('plain-words')"));
	expect_row(token, request_id);
}

Test(tokens, a_minted_token_has_its_row_and_names_the_operator)
{
	char jti[64], text[256];
	claim_text(admin, "jti", jti, sizeof jti);
	expect_column(jti, "client_id is null and secret_version is null", "t");
	expect_column(jti, "transport", "c");
	expect_column(jti, "organization_id", acme.id);
	cr_assert_str_eq(claim_text(admin, "client_id", text, sizeof text), "");
	cr_assert_str_neq(claim_text(admin, "sub", text, sizeof text), "");
}

static void expect_act(const char *action, const char *outcome, int want)
{
	int64_t got = sql_int(world_db(&w),
			      "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and organization_id = '%s'",
			      action, outcome, acme.id);
	cr_assert_eq(got, want, "%s %s: %lld rows, not %d", action, outcome, (long long)got, want);
}

Test(tokens, every_administrative_act_leaves_a_row)
{
	char member[TOKEN_MAX];
	mint(&w, "acme", "member", member);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_act("read_secret", "granted", 1);
	expect_status(get(&w, "/m2m/client-secret", member, &r), 403);
	expect_act("read_secret", "forbidden", 1);
	struct http_request q = {
		.path = "/m2m/rotate", .bearer = admin, .type = "application/json", .body = "{\"grace_seconds\":7}", .headers = TRACE};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_act("rotate_secret", "granted", 1);
	expect_status(rotate(&w, member, 0, &r), 403);
	expect_act("rotate_secret", "forbidden", 1);

	PGconn *db = world_db(&w);
	cr_assert_str_eq(sql_text(db, "select client_id || ' ' || secret_version || ' ' || request_id || ' ' || transport::text || ' ' || "
				      "host(remote_addr) || ' ' "
				      "|| user_agent || ' ' || (detail->>'grace_seconds') || ' ' || (actor <> '') from m2m.admin_audit "
				      "where action = 'rotate_secret' and outcome = 'granted'"),
			 sql_text(db, "select '%s 2 0192aaaa-bbbb-7ccc-8ddd-eeeeffff0001 r 127.0.0.1 check/1.0 7 true'", acme.client_id));
	/* What m2mctl did in this world: one organization with its client, and two operator's
	 * tokens. */
	cr_assert_geq(sql_int(db, "select count(*) from m2m.admin_audit where transport = 'c'"), 1);
}

Test(tokens, refused_attempts_are_counted_and_written_when_the_gateway_drains)
{
	char wrong[SECRET_MAX];
	struct http_reply unused;
	wrong_secret(wrong);
	for (int i = 0; i < 5; i++)
		oauth_token(w.gateway.http, acme.client_id, wrong, &unused);
	for (int i = 0; i < 3; i++)
		oauth_token(w.gateway.http, "m2m_zzzzzzzzzzzzzzzzzzzzzz", acme.secret, &unused);
	for (int i = 0; i < 2; i++)
		oauth_token(w.gateway.http, "m2m_yyyyyyyyyyyyyyyyyyyyyy", acme.secret, &unused);
	gateway_stop(&w.gateway, 15000);
	PGconn *db = world_db(&w);
	cr_assert_eq(sql_int(db, "select sum(attempts) from m2m.denied_attempts where client_id = '%s' and host(remote_addr) = '127.0.0.1'",
			     acme.client_id),
		     5);
	cr_assert_eq(sql_int(db, "select sum(attempts) from m2m.denied_attempts where client_id is null"), 5);
	/* counted per worker and minute, not a row each */
	cr_assert_leq(sql_int(db, "select count(*) from m2m.denied_audit"), 8);
}

Test(tokens, the_auditors_views_answer_by_name)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	PGconn *db = world_db(&w);
	cr_assert_eq(sql_int(db, "select tokens from m2m.tokens_by_secret_version where client_id = '%s' and secret_version = 1",
			     acme.client_id),
		     1);
	cr_assert_eq(sql_int(db, "select tokens from m2m.tokens_per_day where organization = 'acme'"), 2);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.tokens_alive_now where organization = 'acme' and transport = 'rest'"), 1);
	cr_assert_eq(
		sql_int(db, "select count(*) from m2m.secret_last_use where client_id = '%s' and last_used_at is not null", acme.client_id),
		1);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.secrets_read where client_id = '%s'", acme.client_id), 1);
}
