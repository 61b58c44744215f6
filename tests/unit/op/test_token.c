#include <criterion/criterion.h>

#include "crypto/jwt.h"
#include "op_test.h"

TestSuite(token, .init = op_up, .fini = op_down);

static struct op_input grant(void)
{
	return (struct op_input){.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = secret_of("k2", 3)};
}

static struct op *ask(enum op_id id, struct op_input in)
{
	struct op *op = new_op(id);
	op->in = in;
	if (id == OP_ISSUE_TOKEN)
		op->in.bearer = token_from(operator_claims());
	op_run(op);
	return op;
}

/* What the issuing statement tells of a granted request. */
static void grant_row(void)
{
	struct issue_request *r = store.request;
	r->secret_version = 3;
	r->secret_tag = STR("tag-of");
	r->issued_at = NOW + 7;
	r->lifetime = 86400;
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &r->organization_id), ERR_OK);
	r->granted_scope = STR("api read:users");
	r->granted_audience = STR("public-api");
	r->key = keyset_current(store.keys);
}

/* ---- what is refused for its form ---- */

static void malformed(struct op_input in, enum err from_admin, enum err from_client)
{
	refused_unasked(ask(OP_ISSUE_TOKEN, in), from_admin);
	refused_unasked(ask(OP_OAUTH_TOKEN, in), from_client);
}

Test(token, the_grant_type_must_be_client_credentials)
{
	struct op_input in = grant();
	in.grant_type = STR_NONE;
	malformed(in, ERR_INVALID_REQUEST, ERR_INVALID_REQUEST);
	in.grant_type = STR("password");
	malformed(in, ERR_UNSUPPORTED_GRANT_TYPE, ERR_UNSUPPORTED_GRANT_TYPE);
	in.grant_type = STR("Client_Credentials");
	malformed(in, ERR_UNSUPPORTED_GRANT_TYPE, ERR_UNSUPPORTED_GRANT_TYPE);
	in.grant_type = STR("client_credentials ");
	malformed(in, ERR_UNSUPPORTED_GRANT_TYPE, ERR_UNSUPPORTED_GRANT_TYPE);
}

/* RFC 6749 section 5.2: "no client authentication included" is invalid_client, where the client
 * is who calls. */
Test(token, credentials_must_be_there)
{
	struct op_input in = grant();
	in.client_id = STR_NONE;
	malformed(in, ERR_INVALID_REQUEST, ERR_INVALID_CLIENT);
	cr_assert_not_null(strstr(ask(OP_ISSUE_TOKEN, in)->err_detail, "client_id is missing"));
	cr_assert_not_null(strstr(ask(OP_OAUTH_TOKEN, in)->err_detail, "client_id is missing"));
	in = grant();
	in.client_secret = STR_NONE;
	malformed(in, ERR_INVALID_REQUEST, ERR_INVALID_CLIENT);
	cr_assert_not_null(strstr(ask(OP_ISSUE_TOKEN, in)->err_detail, "client_secret is missing"));
	cr_assert_not_null(strstr(ask(OP_OAUTH_TOKEN, in)->err_detail, "client_secret is missing"));
}

static void expect_scope(struct str given, struct str asked)
{
	struct op_input in = grant();
	in.scope = given;
	ask(OP_OAUTH_TOKEN, in);
	cr_assert_eq(store.waiting, FAKE_ISSUE, "'%.*s' was refused", STR_ARG(given));
	cr_assert(str_eq(store.request->scope, asked), "'%.*s' became '%.*s'", STR_ARG(given), STR_ARG(store.request->scope));
	fake_issue(&store, ERR_OVERLOADED);
	store.calls = 0;
}

Test(token, a_scope_is_a_set)
{
	static const struct {
		const char *given, *asked;
	} cases[] = {
		{"api", "api"},
		{" api", "api"},
		{"api ", "api"},
		{"  api   read ", "api read"},
		{"api api", "api"},
		{"b a b c a", "b a c"},
		{"read api", "read api"},
		{"a aa a aa", "a aa"},
		{"\x21#[]~", "\x21#[]~"},
		{"Api api", "Api api"},
		{"", NULL},
		{" ", NULL},
		{"    ", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_scope(str_of(cases[i].given), str_of(cases[i].asked));
}

Test(token, a_scope_has_no_other_characters_and_an_end)
{
	static const char *const odd[] = {"a\tb",
					  "a\nb",
					  "\ta",
					  "a\r",
					  "a\"b",
					  "a\\b",
					  "a\x7f",
					  "caf\xc3\xa9",
					  "a\xc2\xa0"
					  "b"};
	struct op_input in = grant();
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		in.scope = str_of(odd[i]);
		malformed(in, ERR_INVALID_SCOPE, ERR_INVALID_SCOPE);
	}
	static char text[4096];
	memset(text, 'a', 1025);
	in.scope = str_from(text, 1025);
	malformed(in, ERR_INVALID_SCOPE, ERR_INVALID_SCOPE);
	expect_scope(str_from(text, 1024), str_from(text, 1024));
	memset(text + 1024, ' ', sizeof text - 1024);
	expect_scope(str_from(text, sizeof text), str_from(text, 1024));
	/* as many as a client may have, each twice, and one more */
	size_t n = 0;
	for (int i = 0; i < 130; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "s%d ", i % 65);
	in.scope = str_from(text, n);
	malformed(in, ERR_INVALID_SCOPE, ERR_INVALID_SCOPE);
	n = 0;
	for (int i = 0; i < 128; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "s%d ", i % 64);
	expect_scope(str_from(text, n), str_from(text, n / 2 - 1));
}

Test(token, an_audience_must_be_visible_ascii)
{
	static const char *const odd[] = {"", "a b", "a\n", "caf\xc3\xa9", "a\x7f"};
	struct op_input in = grant();
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		in.audience = str_of(odd[i]);
		malformed(in, ERR_INVALID_TARGET, ERR_INVALID_TARGET);
	}
	static char text[257];
	memset(text, 'a', sizeof text);
	in.audience = str_from(text, 257);
	malformed(in, ERR_INVALID_TARGET, ERR_INVALID_TARGET);
	in.audience = str_from(text, 256);
	ask(OP_OAUTH_TOKEN, in);
	cr_assert(str_eq(store.request->audience, in.audience));
}

/* Nothing in the answer tells a malformed secret from a wrong one. */
Test(token, impossible_credentials_are_refused_unasked_in_the_same_words)
{
	struct str secret = secret_of("k2", 3);
	char *mistyped = arena_alloc(arena, SECRET_LEN);
	memcpy(mistyped, secret.p, SECRET_LEN);
	mistyped[20] = mistyped[20] == 'A' ? 'B' : 'A';
	const struct str secrets[] = {str_from(mistyped, SECRET_LEN), str_from(secret.p, secret.n - 1), STR("guess"), STR(CLIENT)};
	for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
		struct op_input in = grant();
		in.client_secret = secrets[i];
		malformed(in, ERR_INVALID_CLIENT, ERR_INVALID_CLIENT);
	}
	struct op_input in = grant();
	in.client_id = STR("m2m_short");
	malformed(in, ERR_INVALID_CLIENT, ERR_INVALID_CLIENT);

	struct op *op = ask(OP_OAUTH_TOKEN, in);
	const char *unasked = op->err_detail;
	op = ask(OP_OAUTH_TOKEN, grant());
	fake_issue(&store, ERR_INVALID_CLIENT);
	answered(op, ERR_INVALID_CLIENT);
	cr_assert_eq(op->err_detail, unasked);
}

/* A UUID is nobody's id here, and somebody's elsewhere. */
Test(token, foreign_credentials_are_asked_for_once_clients_were_brought_along)
{
	struct op_input in = grant();
	in.client_id = STR("5f0c2c0e-6a3f-4c8e-9a53-1f1d2f1a7b11");
	in.client_secret = STR("p:a%ss~w");
	malformed(in, ERR_INVALID_CLIENT, ERR_INVALID_CLIENT);
	store.has_foreign = true;
	struct op *op = ask(OP_OAUTH_TOKEN, in);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	cr_assert(str_eq(store.request->client_id, in.client_id));
	fake_issue(&store, ERR_INVALID_CLIENT);
	answered(op, ERR_INVALID_CLIENT);
	cr_assert_null(strstr(logged(), "5f0c2c0e"), "nobody knows that it isn't a secret");
	store.calls = 0;
	in.client_secret = STR("7chars!");
	malformed(in, ERR_INVALID_CLIENT, ERR_INVALID_CLIENT);
	in.client_secret = STR("has a space");
	malformed(in, ERR_INVALID_CLIENT, ERR_INVALID_CLIENT);
}

Test(token, the_admin_s_bearer_is_looked_at_before_the_grant)
{
	struct op *op = new_op(OP_ISSUE_TOKEN);
	op->in = (struct op_input){.grant_type = STR("password"), .bearer = STR("nobody's")};
	op_run(op);
	refused_unasked(op, ERR_INVALID_TOKEN);
}

/* ---- what the store is asked ---- */

Test(token, the_store_is_asked_with_one_verifier_per_key_of_the_ring)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	cr_assert_eq(replies, 0);
	const struct issue_request *r = store.request;
	cr_assert(str_eq(r->client_id, STR(CLIENT)));
	cr_assert_eq(r->verifiers.n, 2 * SHA256_LEN);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t want[SHA256_LEN];
		cr_assert_eq(secret_verifier(&config.ring.keys[i], op->in.client_id, op->in.client_secret, want), ERR_OK);
		cr_assert_arr_eq(r->verifiers.p + (size_t)i * SHA256_LEN, want, SHA256_LEN);
	}
	cr_assert_null(r->scope.p);
	cr_assert_null(r->audience.p);
	cr_assert_eq(r->jti.b[6] >> 4, 7, "a UUIDv7");
	cr_assert_eq(r->origin, &op->origin);
}

Test(token, the_client_itself_asks_without_a_bearer)
{
	ask(OP_OAUTH_TOKEN, grant());
	cr_assert_null(store.request->bearer);
	cr_assert(str_eq(store.origin->actor, STR(CLIENT)));
}

Test(token, an_admin_asks_with_the_bearer_s_rights)
{
	struct op *op = ask(OP_ISSUE_TOKEN, grant());
	cr_assert_eq(store.request->bearer, &op->caller);
	cr_assert(op->caller.admin);
	cr_assert(str_eq(store.origin->actor, STR("ops@example.com")));
}

/* ---- what comes of it ---- */

Test(token, the_claims_are_those_of_the_row)
{
	static const enum op_id routes[] = {OP_ISSUE_TOKEN, OP_OAUTH_TOKEN};
	for (int i = 0; i < 2; i++) {
		struct op *op = ask(routes[i], grant());
		struct jwt jwt;
		char jti[UUID_TEXT_LEN];
		uuid_format(store.request->jti, jti);
		grant_row();
		fake_issue(&store, ERR_OK);
		answered(op, ERR_OK);
		cr_assert_eq(jwt_parse(arena, op->out.access_token, &jwt), ERR_OK);
		struct str want =
			arena_printf(arena,
				     "{\"iss\":\"" ISSUER "\",\"sub\":\"" CLIENT "\",\"aud\":\"public-api\",\"iat\":1767225607,"
				     "\"exp\":1767312007,\"jti\":\"%.36s\",\"client_id\":\"" CLIENT "\",\"scope\":\"api read:users\","
				     "\"organization_id\":\"" ORGANIZATION "\",\"secret_version\":3,\"secret_tag\":\"dGFnLW9m\"}",
				     jti);
		cr_assert(str_eq(jwt.claims, want), "%.*s", STR_ARG(jwt.claims));
		cr_assert(str_eq(jwt.typ, STR("JWT")));
		cr_assert(str_eq(jwt.kid, signing_key_kid(key)));
		cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
		cr_assert_eq(jwt_verify_libjwt(key, &jwt), ERR_OK);
		cr_assert_eq(op->out.expires_in, 86400);
		cr_assert(str_eq(op->out.scope, STR("api read:users")));
	}
}

/* What is issued opens our own routes: the circle closes. */
Test(token, an_issued_token_is_a_bearer)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	grant_row();
	fake_issue(&store, ERR_OK);
	struct str token = arena_copy(arena, op->out.access_token);
	op = new_op(OP_GET_CLIENT_SECRET);
	op->in.bearer = token;
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_READ_SECRET);
	cr_assert(str_eq(store.bearer->client_id, STR(CLIENT)));
	cr_assert_eq(store.bearer->secret_version, 3);
}

/* The row's strings end with the callback, the reply comes later. */
Test(token, the_answer_keeps_nothing_of_the_row_s_memory)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	char scope[] = "api";
	grant_row();
	store.request->granted_scope = str_of(scope);
	fake_issue(&store, ERR_OK);
	memset(scope, 'x', sizeof scope - 1);
	cr_assert(str_eq(op->out.scope, STR("api")));
}

Test(token, a_key_that_cannot_sign_is_an_error_of_ours)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct signing_key *public = NULL;
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, sbuf_str(&jwk), &public), ERR_OK);
	grant_row();
	store.request->key = public;
	fake_issue(&store, ERR_OK);
	answered(op, ERR_INTERNAL);
	signing_key_free(public);
}

/* ---- signed while its row is being committed ---- */

static struct op *ask_and_write(void)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	grant_row();
	store.request->written(store.request);
	cr_assert_eq(replies, 0, "nobody gets it before the commit is known");
	cr_assert_null(op->out.access_token.p);
	cr_assert_not(op->recorded);
	return op;
}

Test(token, a_token_that_was_signed_ahead_goes_out_when_its_row_has_committed)
{
	struct op *op = ask_and_write();
	struct jwt jwt;
	store.request->key = NULL; /* nothing is signed again */
	fake_issue(&store, ERR_OK);
	answered(op, ERR_OK);
	cr_assert_eq(jwt_parse(arena, op->out.access_token, &jwt), ERR_OK);
	cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
	cr_assert_not_null(memmem(jwt.claims.p, jwt.claims.n, "\"iat\":1767225607,", 17), "%.*s", STR_ARG(jwt.claims));
	cr_assert_eq(op->out.expires_in, 86400);
	cr_assert(str_eq(op->out.scope, STR("api read:users")));
}

Test(token, one_whose_row_did_not_commit_never_goes_out)
{
	static const enum err failures[] = {ERR_STORE_UNAVAILABLE, ERR_STALE_KEY};
	for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
		struct op *op = ask_and_write();
		fake_issue(&store, failures[i]);
		answered(op, failures[i]);
		cr_assert_null(op->out.access_token.p);
		cr_assert_not(op->recorded);
	}
}

Test(token, nor_does_one_whose_client_has_gone)
{
	struct op *op = ask_and_write();
	op_abandon(op, ERR_CANCELLED);
	fake_issue(&store, ERR_OK);
	answered(op, ERR_OK);
	cr_assert_null(op->out.access_token.p);
	cr_assert(op->recorded);
}

Test(token, nothing_is_signed_ahead_for_a_client_that_has_gone)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	op_abandon(op, ERR_CANCELLED);
	grant_row();
	store.request->key = NULL;
	store.request->written(store.request);
	fake_issue(&store, ERR_OK);
	answered(op, ERR_OK);
	cr_assert_null(op->out.access_token.p);
}

Test(token, what_could_not_be_signed_ahead_is_signed_in_its_turn)
{
	struct op *op = ask(OP_OAUTH_TOKEN, grant());
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct signing_key *public = NULL;
	struct jwt jwt;
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, sbuf_str(&jwk), &public), ERR_OK);
	grant_row();
	store.request->key = public;
	store.request->written(store.request);
	store.request->key = keyset_current(store.keys);
	fake_issue(&store, ERR_OK);
	answered(op, ERR_OK);
	cr_assert_eq(jwt_parse(arena, op->out.access_token, &jwt), ERR_OK);
	cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
	signing_key_free(public);
}

Test(token, every_outcome_of_the_statement_is_the_answer)
{
	static const struct {
		enum err err;
		int http;
	} outcomes[] = {{ERR_INVALID_TOKEN, 401}, {ERR_FORBIDDEN, 403},      {ERR_KEY_MISSING, 503}, {ERR_INVALID_CLIENT, 401},
			{ERR_INVALID_SCOPE, 400}, {ERR_INVALID_TARGET, 400}, {ERR_STALE_KEY, 503},   {ERR_STORE_UNAVAILABLE, 503}};
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		struct op *op = ask(OP_ISSUE_TOKEN, grant());
		fake_issue(&store, outcomes[i].err);
		answered(op, outcomes[i].err);
		cr_assert_eq(err_info(op->err)->http, outcomes[i].http);
		cr_assert_eq(op->retry_after != NULL, outcomes[i].http == 503);
	}
}

Test(token, what_the_store_does_not_take_on_is_answered_at_once)
{
	static const enum err refusals[] = {ERR_OVERLOADED, ERR_STORE_UNAVAILABLE, ERR_STALE_KEY};
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		store.refuse = refusals[i];
		struct op *op = ask(OP_OAUTH_TOKEN, grant());
		refused_unasked(op, refusals[i]);
		cr_assert_str_eq(op->retry_after, "1");
	}
}

/* The audit of refusals names a client only when the database said that it exists. */
Test(token, a_refused_client_is_counted_by_name_only_if_it_exists)
{
	ask(OP_OAUTH_TOKEN, grant());
	fake_issue(&store, ERR_INVALID_CLIENT);
	cr_assert_eq(store.denied, 1);
	cr_assert_str_eq(store.denied_client, "");
	ask(OP_OAUTH_TOKEN, grant());
	grant_row();
	fake_issue(&store, ERR_INVALID_CLIENT);
	cr_assert_eq(store.denied, 2);
	cr_assert_str_eq(store.denied_client, CLIENT);
	cr_assert_str_eq(store.denied_addr, "192.0.2.7");
	cr_assert_str_eq(store.denied_reason, "invalid_client");
}

Test(token, neither_secret_nor_token_is_logged)
{
	ask(OP_ISSUE_TOKEN, grant());
	grant_row();
	fake_issue(&store, ERR_OK);
	cr_assert_not_null(strstr(logged(), "\"outcome\":\"granted\""));
	cr_assert_null(strstr(logged(), "m2ms_"));
	cr_assert_null(strstr(logged(), "eyJ"));
}
