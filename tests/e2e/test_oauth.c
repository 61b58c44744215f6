/* POST /oauth2/token as RFC 6749 section 4.4 says, and each of its errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "crypto/secret.h"
#include "harness/expect.h"
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
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(oauth, .init = open_world, .fini = close_world, .timeout = 120);

#define FORM "application/x-www-form-urlencoded"

/* The form's text, with %I for the client id and %S for the secret. */
static const char *fill(const char *template)
{
	static char out[2048];
	size_t n = 0;
	for (const char *p = template; *p != '\0'; p++) {
		if (p[0] == '%' && (p[1] == 'I' || p[1] == 'S'))
			n += (size_t)snprintf(out + n, sizeof out - n, "%s", *++p == 'I' ? acme.client_id : acme.secret);
		else
			out[n++] = *p;
	}
	out[n] = '\0';
	return out;
}

static void expect_error(const char *form, int status, const char *error)
{
	int got = post_form(&w, "/oauth2/token", NULL, fill(form), &r);
	cr_assert(got == status && is_oauth_error(&r, error), "%s answered %d, not %d %s: %s%s", form, got, status, error, r.head, r.body);
}

Test(oauth, credentials_may_stand_in_the_form_or_in_basic)
{
	char basic[128], token[TOKEN_MAX], text[64];
	expect_status(post_form(&w, "/oauth2/token", NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S"), &r), 200);
	cr_assert_str_neq(body_text(&r, "access_token", token, sizeof token), "");
	cr_assert_str_eq(body_text(&r, "token_type", text, sizeof text), "Bearer");
	cr_assert_str_eq(body_text(&r, "scope", text, sizeof text), "api");
	cr_assert_eq(body_int(&r, "expires_in"), 86400);

	snprintf(basic, sizeof basic, "%s:%s", acme.client_id, acme.secret);
	struct http_request q = {.path = "/oauth2/token", .basic = basic, .type = FORM, .body = "grant_type=client_credentials"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	/* client_id alone beside Basic is what some clients send; it must be the same one. */
	q.body = fill("grant_type=client_credentials&client_id=%I");
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

Test(oauth, basic_credentials_may_be_percent_encoded)
{
	char basic[512];
	size_t n = 0;
	const char *const parts[] = {acme.client_id, acme.secret};
	for (int part = 0; part < 2; part++) {
		for (const char *p = parts[part]; *p != '\0'; p++)
			n += (size_t)snprintf(basic + n, sizeof basic - n, "%%%02X", (unsigned char)*p);
		if (part == 0)
			basic[n++] = ':';
	}
	basic[n] = '\0';
	struct http_request q = {.path = "/oauth2/token", .basic = basic, .type = FORM, .body = "grant_type=client_credentials"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

Test(oauth, a_form_may_be_percent_encoded)
{
	expect_status(post_form(&w, "/oauth2/token", NULL, fill("grant%5Ftype=client%5fcredentials&client_id=%I&client_secret=%S"), &r),
		      200);
	expect_status(
		post_form(&w, "/oauth2/token", NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S&unknown=x"), &r),
		200);
}

Test(oauth, a_grant_type_that_is_missing_repeated_or_another_is_refused)
{
	expect_error("client_id=%I&client_secret=%S", 400, "invalid_request");
	expect_error("grant_type=&client_id=%I&client_secret=%S", 400, "invalid_request");
	expect_error("grant_type=password&client_id=%I&client_secret=%S", 400, "unsupported_grant_type");
	expect_error("grant_type=CLIENT_CREDENTIALS&client_id=%I&client_secret=%S", 400, "unsupported_grant_type");
	expect_error("grant_type=client_credentials&grant_type=client_credentials&client_id=%I&client_secret=%S", 400, "invalid_request");
	expect_error("grant_type=client_credentials&client_id=%I&client_id=%I&client_secret=%S", 400, "invalid_request");
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=%S&client_secret=%S", 400, "invalid_request");
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=%S&grant%5ftype=x", 400, "invalid_request");
}

Test(oauth, the_m2m_token_route_refuses_the_same_in_json)
{
	static const struct {
		const char *body;
		const char *error;
	} cases[] = {
		{"{\"client_id\":\"%I\",\"client_secret\":\"%S\"}", "invalid_request"},
		{"{\"grant_type\":\"password\",\"client_id\":\"%I\",\"client_secret\":\"%S\"}", "unsupported_grant_type"},
		{"{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\"}", "invalid_request"},
		{"{\"grant_type\":\"client_credentials\",\"client_secret\":\"%S\"}", "invalid_request"},
		{"{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":\"%S\",\"client_id\":\"%I\"}",
		 "invalid_request"},
		{"{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":\"%S\",\"client_i\\u0064\":\"%I\"}",
		 "invalid_request"},
		{"{\"grant_type\":\"client_credentials\",\"client_id\":7,\"client_secret\":\"%S\"}", "invalid_request"},
		{"{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":null}", "invalid_request"},
		{"{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\\u0000\",\"client_secret\":\"%S\"}", "invalid_request"},
		{"[]", "invalid_request"},
		{"", "invalid_request"},
		{"{", "invalid_request"},
		{"null", "invalid_request"},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int got = post_json(&w, "/m2m/token", admin, fill(cases[i].body), &r);
		cr_assert(got == 400 && is_oauth_error(&r, cases[i].error), "%s answered %d: %s%s", cases[i].body, got, r.head, r.body);
	}
	expect_status(
		post_form(&w, "/m2m/token", admin, fill("grant_type=client_credentials&client_id=%I&client_id=%I&client_secret=%S"), &r),
		400);
	cr_assert(is_oauth_error(&r, "invalid_request"), "%s", r.body);
}

Test(oauth, a_client_that_does_not_authenticate_gets_the_same_words_whatever_was_wrong)
{
	char form[512], wrong[SECRET_MAX], first[1024] = "", realm[128];
	static const char unknown[] = "m2m_zzzzzzzzzzzzzzzzzzzzzz";
	wrong_secret(wrong);
	char bad_checksum[SECRET_MAX];
	snprintf(bad_checksum, sizeof bad_checksum, "%s", acme.secret);
	bad_checksum[SECRET_LEN - 1] = bad_checksum[SECRET_LEN - 1] == 'a' ? 'b' : 'a';

	const struct {
		const char *client_id, *secret;
	} cases[] = {
		{unknown, acme.secret},      {acme.client_id, wrong}, {acme.client_id, bad_checksum},
		{acme.client_id, "hunter2"}, {"nobody", acme.secret}, {unknown, wrong},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", cases[i].client_id,
			 cases[i].secret);
		expect_status(post_form(&w, "/oauth2/token", NULL, form, &r), 401);
		cr_assert(is_oauth_error(&r, "invalid_client"), "%s%s", r.head, r.body);
		cr_assert_str_eq(http_header(&r, "WWW-Authenticate", realm, sizeof realm), "Basic realm=\"m2m-gateway\"");
		if (i == 0)
			snprintf(first, sizeof first, "%s", r.body);
		cr_assert_str_eq(r.body, first);
	}
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id is not null"), 0);
}

Test(oauth, credentials_given_twice_or_not_at_all_are_refused)
{
	char basic[128];
	snprintf(basic, sizeof basic, "%s:%s", acme.client_id, acme.secret);
	struct http_request q = {.path = "/oauth2/token",
				 .basic = basic,
				 .type = FORM,
				 .body = fill("grant_type=client_credentials&client_id=%I&client_secret=%S")};
	expect_status(http_call(w.gateway.http, &q, &r), 400);
	cr_assert(is_oauth_error(&r, "invalid_request"), "%s", r.body);
	q.body = "grant_type=client_credentials&client_id=m2m_zzzzzzzzzzzzzzzzzzzzzz";
	expect_status(http_call(w.gateway.http, &q, &r), 400);
	cr_assert(is_oauth_error(&r, "invalid_request"), "%s", r.body);

	/* None at all: the client must authenticate (RFC 6749 section 5.2). */
	expect_status(post_form(&w, "/oauth2/token", NULL, "grant_type=client_credentials", &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(post_form(&w, "/oauth2/token", NULL, fill("grant_type=client_credentials&client_id=%I"), &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
}

static int token_with_header(const char *line)
{
	return http_call(
		w.gateway.http,
		&(struct http_request){.path = "/oauth2/token", .type = FORM, .body = "grant_type=client_credentials", .headers = line},
		&r);
}

Test(oauth, malformed_basic_credentials_are_an_invalid_request)
{
	static const char *const bad[] = {"Authorization: Basic !!!!\r\n", "Authorization: Basic bm9jb2xvbg==\r\n",
					  "Authorization: Basic YTpi YTpi\r\n", "Authorization: Basic JXp6OmI=\r\n"};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		expect_status(token_with_header(bad[i]), 400);
		cr_assert(is_oauth_error(&r, "invalid_request"), "%s: %s%s", bad[i], r.head, r.body);
	}
}

Test(oauth, another_authentication_scheme_is_an_invalid_client)
{
	expect_status(token_with_header("Authorization: Digest abc\r\n"), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
}

Test(oauth, a_scope_or_audience_beyond_the_clients_is_refused)
{
	expect_status(
		post_form(&w, "/oauth2/token", NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S&scope=api"), &r),
		200);
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=%S&scope=admin", 400, "invalid_scope");
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=%S&scope=api+admin", 400, "invalid_scope");
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=%S&scope=a%22b", 400, "invalid_scope");
	expect_status(post_form(&w, "/oauth2/token", NULL,
				fill("grant_type=client_credentials&client_id=%I&client_secret=%S&audience=public-api"), &r),
		      200);
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=%S&audience=elsewhere", 400, "invalid_target");
	/* Not before the credentials were checked. */
	expect_error("grant_type=client_credentials&client_id=%I&client_secret=wrong&scope=admin", 401, "invalid_client");
}

Test(oauth, what_belongs_into_the_body_is_not_taken_from_the_query)
{
	static const char *const queries[] = {
		"grant_type=client_credentials&client_id=%I&client_secret=%S",
		"client_secret=%S",
		"client%5fsecret=%S",
		"Client_Secret=%S",
		"client_id=%I",
		"grant_type=client_credentials",
		"scope=api",
		"audience=public-api",
		"resource=urn%3Ab",
		"api-version=1&client_assertion=x",
	};
	char path[512], token[TOKEN_MAX];
	mint(&w, "acme", "admin", token);
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		snprintf(path, sizeof path, "/oauth2/token?%s", fill(queries[i]));
		int status = post_form(&w, path, NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S"), &r);
		cr_expect(status == 400 && is_oauth_error(&r, "invalid_request") && strstr(r.body, "stands in the query") != NULL,
			  "%s: %d %s", path, status, r.body);
		snprintf(path, sizeof path, "/m2m/token?%s", fill(queries[i]));
		expect_status(m2m_token(&w, token, acme.client_id, acme.secret, &r), 200);
		status = post_json(&w, path, token,
				   fill("{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":\"%S\"}"), &r);
		cr_expect(status == 400 && is_oauth_error(&r, "invalid_request"), "%s: %d %s", path, status, r.body);
	}
	cr_assert_eq(gateway_log_count(&w.gateway, acme.secret, NULL, 0), 0);
}

/* RFC 6749 section 3.2. */
Test(oauth, a_token_endpoint_may_have_a_query)
{
	static const char *const queries[] = {"?", "?api-version=1", "?api-version=1&x", "?&", "?api-version=2026-11-28&tenant=%61"};
	char path[128];
	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		snprintf(path, sizeof path, "/oauth2/token%s", queries[i]);
		expect_status(post_form(&w, path, NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S"), &r), 200);
	}
	expect_status(post_form(&w, "/oauth2/token?a=%zz", NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S"), &r),
		      400);
	expect_status(post_form(&w, "/oauth2/token?a=1&a=2", NULL, fill("grant_type=client_credentials&client_id=%I&client_secret=%S"), &r),
		      400);
}

/* ---- media types (RFC 9110 section 8.3) ---- */

static int with_type(const char *path, const char *bearer, const char *type, const char *body)
{
	return http_call(w.gateway.http, &(struct http_request){.path = path, .bearer = bearer, .type = type, .body = body}, &r);
}

/* `query` sends a request the slow way, through the library's parser; without it the fast one
 * takes it. */
static void expect_type(const char *query, const char *media, const char *parameters, int want)
{
	static const char json[] = "{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":\"%S\"}";
	static const char form[] = "grant_type=client_credentials&client_id=%I&client_secret=%S";
	char type[256], path[64];
	bool is_json = strcasestr(media, "json") != NULL;
	snprintf(type, sizeof type, "%s%s", media, parameters);
	snprintf(path, sizeof path, "/m2m/token%s", query);
	int status = with_type(path, admin, type, fill(is_json ? json : form));
	cr_expect_eq(status, want, "%s '%s': %d %s", path, type, status, r.body);
	snprintf(path, sizeof path, "/oauth2/token%s", query);
	if (is_json) /* RFC 6749 knows the form alone */
		return;
	status = with_type(path, NULL, type, fill(form));
	cr_expect_eq(status, want, "%s '%s': %d %s", path, type, status, r.body);
}

Test(oauth, a_media_type_may_have_any_parameters)
{
	static const char *const parameters[] = {"",
						 "; charset=ISO-8859-1",
						 "; charset=UTF-8",
						 ";charset=utf8",
						 ";charset=us-ascii",
						 " ;\tCharset = \"windows-1252\" ",
						 "; charset=\"utf-8\"; boundary=x",
						 ";",
						 " ; ; ",
						 "; version=\"1;2\"; q=0.5",
						 "; odata.metadata=minimal"};
	for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
		for (int slow = 0; slow < 2; slow++) {
			expect_type(slow ? "?" : "", FORM, parameters[i], 200);
			expect_type(slow ? "?" : "", "Application/X-WWW-Form-UrlEncoded", parameters[i], 200);
			expect_type(slow ? "?" : "", "application/json", parameters[i], 200);
			expect_type(slow ? "?" : "", "APPLICATION/Json", parameters[i], 200);
		}
	}
	expect_status(with_type("/m2m/rotate", admin, "application/json; charset=utf8", "{\"grace_seconds\":60}"), 200);
	expect_status(with_type("/m2m/rotate?", admin, "application/json;", "{\"grace_seconds\":60}"), 200);
}

Test(oauth, another_media_type_stays_another)
{
	static const char *const types[] = {"application/x-www-form-urlencodedx",
					    "text/plain; charset=utf-8",
					    "multipart/form-data; boundary=x",
					    "form",
					    ";",
					    "application/x-www-form-urlencoded, text/plain",
					    "application / x-www-form-urlencoded",
					    "application/jsonx",
					    "application/json5",
					    "text/json",
					    "application/problem+json"};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		expect_type("", types[i], "", 415);
		expect_type("?", types[i], "", 415);
	}
	for (int slow = 0; slow < 2; slow++) {
		struct http_request q = {.path = slow ? "/oauth2/token?" : "/oauth2/token",
					 .type = FORM,
					 .headers = "Content-Type: " FORM "\r\n",
					 .body = "grant_type=client_credentials"};
		expect_status(http_call(w.gateway.http, &q, &r), 415);
		cr_expect_not_null(strstr(r.body, "more than one Content-Type"), "%s", r.body);
	}
	expect_status(with_type("/m2m/rotate", admin, "application/merge-patch+json", "{}"), 415);
}

/* Whatever charset it names: RFC 6749 appendix B and RFC 8259 section 8.1 know UTF-8 alone. */
Test(oauth, what_is_not_utf8_is_refused_by_its_bytes)
{
	static const char type[] = FORM "; charset=ISO-8859-1";
	expect_status(with_type("/oauth2/token", NULL, type, fill("grant_type=client_credentials&client_id=%I&client_secret=%S&note=%e9")),
		      400);
	cr_expect(is_oauth_error(&r, "invalid_request") && strstr(r.body, "parameter note is not UTF-8") != NULL, "%s", r.body);
	expect_status(with_type("/oauth2/token", NULL, type, fill("grant_type=client_credentials&client_id=%I&client_secret=%S&x=\xe9")),
		      400);
	expect_status(with_type("/m2m/token", admin, "application/json; charset=ISO-8859-1", "{\"grant_type\":\"caf\xe9\"}"), 400);
	cr_expect(is_oauth_error(&r, "invalid_request") && strstr(r.body, "not UTF-8") != NULL, "%s", r.body);
	/* the same characters in UTF-8 */
	expect_status(
		with_type("/oauth2/token", NULL, type, fill("grant_type=client_credentials&client_id=%I&client_secret=%S&note=caf%c3%a9")),
		200);
}

/* ---- what is wrong is named ---- */

Test(oauth, a_refusal_names_the_parameter_and_what_is_wrong_with_it)
{
	static const struct {
		const char *body, *says;
	} forms[] =
		{
			{"client_id=%I&client_secret=%S", "grant_type is missing"},
			{"grant_type=client_credentials&grant_type=x&client_id=%I&client_secret=%S", "grant_type is given twice"},
			{"grant_type=client_credentials&client_id=%I&client_id=%I&client_secret=%S", "client_id is given twice"},
			{"grant_type=client_credentials&a%1b=1&a%1b=2", "parameter a%251b holds a control character"},
			{"grant_type=client_credentials&client_id=%I&client_secret=%S&scope=%zz", "scope has a malformed percent escape"},
			{"grant_type=client_credentials&client_id=%I&client_secret=%S&scope=a\tb", "scope holds a control character"},
		},
	  clients[] =
		  {
			  {"grant_type=client_credentials&client_secret=%S", "client_id is missing"},
			  {"grant_type=client_credentials&client_id=%I", "client_secret is missing"},
			  {"grant_type=client_credentials&client_id=%I&client_assertion=x", "client_assertion_type is missing"},
		  },
	  jsons[] = {
		  {"{\"client_id\":\"%I\",\"client_secret\":\"%S\"}", "grant_type is missing"},
		  {"{\"grant_type\":\"client_credentials\",\"client_secret\":\"%S\"}", "client_id is missing"},
		  {"{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\"}", "client_secret is missing"},
		  {"{\"grant_type\":\"x\",\"grant_typ\\u0065\":\"y\"}", "grant_type is given twice"},
		  {"{\"grant_type\":\"client_credentials\",\"client_id\":7}", "client_id is of the wrong type"},
		  {"{\"grant_type\":\"client_credentials\",\"resource\":{}}", "resource is of the wrong type"},
		  {"{\"a\":[[[[[[[[[]]]]]]]]]}", "nested more than 8 deep"},
		  {"{\"grant_type\":", "not well-formed JSON"},
		  {"", "empty"},
		  {"[]", "must be a JSON object"},
	  };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		expect_error(forms[i].body, 400, "invalid_request");
		cr_expect_not_null(strstr(r.body, forms[i].says), "%s: %s", forms[i].body, r.body);
	}
	for (size_t i = 0; i < sizeof clients / sizeof *clients; i++) {
		expect_error(clients[i].body, 401, "invalid_client");
		cr_expect_not_null(strstr(r.body, clients[i].says), "%s: %s", clients[i].body, r.body);
	}
	for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
		expect_status(post_json(&w, "/m2m/token", admin, fill(jsons[i].body), &r), 400);
		cr_expect(is_oauth_error(&r, "invalid_request") && strstr(r.body, jsons[i].says) != NULL, "%s: %s", jsons[i].body, r.body);
	}
	/* RFC 6749 section 3.2: what isn't known is passed over */
	expect_status(
		post_json(&w, "/m2m/token", admin,
			  fill("{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":\"%S\",\"x\":{\"y\":[{}]}}"),
			  &r),
		200);
}

/* ---- scopes, audiences and resources (RFC 6749 section 3.3, RFC 8707) ---- */

#define TWO   "https%3A%2F%2Fapi.test%2Fa"
#define GRANT "grant_type=client_credentials&client_id=%I&client_secret=%S"

static void widen_the_client(void)
{
	struct ctl_result ran;
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--scope", "orders:read", "--scope", "orders:write", "--audience",
		  "public-api", "--audience", "https://api.test/a", "--audience", "urn:b");
}

static const char *granted(const char *form, char token[TOKEN_MAX])
{
	static char scope[256];
	expect_status(post_form(&w, "/oauth2/token", NULL, fill(form), &r), 200);
	body_text(&r, "access_token", token, TOKEN_MAX);
	return body_text(&r, "scope", scope, sizeof scope);
}

/* The token's aud as JSON text, and as the audit has it. */
static void expect_audience(const char *form, const char *aud, const char *recorded)
{
	char token[TOKEN_MAX], jti[64], payload[2048] = {0};
	size_t n = 0;
	granted(form, token);
	const char *dot = strchr(token, '.') + 1;
	cr_assert_eq(base64url_decode(str_from(dot, strcspn(dot, ".")), payload, sizeof payload - 1, &n), ERR_OK);
	cr_assert_not_null(strstr(payload, aud), "%s: %s", form, payload);
	claim_text(token, "jti", jti, sizeof jti);
	cr_assert_str_eq(sql_text(world_db(&w), "select audience from m2m.token_audit where jti = '%s'", jti), recorded);
}

Test(oauth, the_granted_scope_stands_in_the_answer_the_token_and_the_audit)
{
	static const struct {
		const char *form, *scope;
	} cases[] = {
		{GRANT, "orders:read orders:write"},
		{GRANT "&scope=orders%3Aread", "orders:read"},
		{GRANT "&scope=orders%3Awrite+orders%3Aread", "orders:write orders:read"},
		{GRANT "&scope=+orders%3Aread", "orders:read"},
		{GRANT "&scope=orders%3Aread%20", "orders:read"},
		{GRANT "&scope=orders%3Aread++orders%3Awrite", "orders:read orders:write"},
		{GRANT "&scope=orders%3Aread+orders%3Aread", "orders:read"},
		{GRANT "&scope=orders%3Awrite+orders%3Aread+orders%3Awrite+", "orders:write orders:read"},
		{GRANT "&scope=++", "orders:read orders:write"},
	};
	char token[TOKEN_MAX], text[256], jti[64];
	widen_the_client();
	expect_status(post_json(&w, "/m2m/token", admin,
				fill("{\"grant_type\":\"client_credentials\",\"client_id\":\"%I\",\"client_secret\":\"%S\","
				     "\"scope\":\" orders:read  orders:read \"}"),
				&r),
		      200);
	cr_assert_str_eq(body_text(&r, "scope", text, sizeof text), "orders:read");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_assert_str_eq(granted(cases[i].form, token), cases[i].scope);
		cr_assert_str_eq(claim_text(token, "scope", text, sizeof text), cases[i].scope);
		claim_text(token, "jti", jti, sizeof jti);
		cr_assert_str_eq(sql_text(world_db(&w), "select scope from m2m.token_audit where jti = '%s'", jti), cases[i].scope);
	}
	expect_error(GRANT "&scope=orders%3Aread+admin", 400, "invalid_scope");
	expect_error(GRANT "&scope=orders%3Aread%C2%A0orders%3Awrite", 400, "invalid_scope");
	expect_error(GRANT "&scope=%22", 400, "invalid_scope");
}

Test(oauth, a_resource_is_one_of_the_client_s_audiences_and_there_may_be_several)
{
	widen_the_client();
	expect_audience(GRANT, "\"aud\":\"public-api\"", "public-api");
	expect_audience(GRANT "&resource=" TWO, "\"aud\":\"https://api.test/a\"", "https://api.test/a");
	expect_audience(GRANT "&resource=" TWO "&resource=urn%3Ab", "\"aud\":[\"https://api.test/a\",\"urn:b\"]",
			"https://api.test/a urn:b");
	expect_audience(GRANT "&audience=public-api&resource=urn%3Ab", "\"aud\":[\"public-api\",\"urn:b\"]", "public-api urn:b");
	expect_audience(GRANT "&audience=urn%3Ab&resource=urn%3Ab", "\"aud\":\"urn:b\"", "urn:b");
	expect_error(GRANT "&resource=https%3A%2F%2Fapi.test%2Fother", 400, "invalid_target");
	expect_error(GRANT "&resource=" TWO "&resource=urn%3Ac", 400, "invalid_target");
	expect_error(GRANT "&resource=" TWO "%23x", 400, "invalid_target");
	expect_error(GRANT "&resource=not-a-uri", 400, "invalid_target");
	expect_error(GRANT "&resource=%2Frelative", 400, "invalid_target");
	expect_error(GRANT "&audience=public-api&audience=urn%3Ab", 400, "invalid_request");
}

Test(oauth, in_json_resource_is_a_string_or_a_list)
{
	char bearer[TOKEN_MAX], body[512];
	static const struct {
		const char *resource;
		int status;
	} cases[] = {{"\"urn:b\"", 200},
		     {"[\"urn:b\",\"https://api.test/a\"]", 200},
		     {"[]", 200},
		     {"\"urn:c\"", 400},
		     {"[\"urn:b\",7]", 400},
		     {"7", 400},
		     {"{\"a\":\"urn:b\"}", 400}};
	widen_the_client();
	mint(&w, "acme", "admin", bearer);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(body, sizeof body,
			 "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\",\"resource\":%s}",
			 acme.client_id, acme.secret, cases[i].resource);
		int status = post_json(&w, "/m2m/token", bearer, body, &r);
		cr_expect_eq(status, cases[i].status, "%s: %d %s", cases[i].resource, status, r.body);
	}
}
