/* What stands in an answer. */
#include <criterion/criterion.h>

#include "crypto/digest.h"
#include "rest/rest_encode.h"
#include "rest/rest_status.h"
#include "json/json_read.h"

static struct config config;
static struct op *op;
static struct rest_answer answer;
static const char *allow;

static void make(enum op_id id)
{
	static struct op_env env = {.config = &config};
	op = op_new(&env, &op_specs[id], NULL, NULL);
	cr_assert_not_null(op);
	op_set_request_id(op, STR("r-1"));
}

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
}

static void down(void)
{
	op_free(op);
	crypto_fini();
}

TestSuite(rest_encode, .init = up, .fini = down);

static struct str encoded(const char *allowed)
{
	rest_encode(op, allowed, &answer);
	return answer.body;
}

static void body_is(const char *want)
{
	struct str body = encoded(allow);
	cr_assert(str_eq(body, str_of(want)), "got '%.*s'", STR_ARG(body));
}

static void header_is(const char *name, const char *want)
{
	const char *got = NULL;
	for (unsigned i = 0; i < answer.n; i++)
		if (str_eq(answer.fields[i].name, str_of(name)))
			got = answer.fields[i].value.p;
	if (want == NULL)
		cr_assert_null(got, "%s: %s", name, got);
	else
		cr_assert(got != NULL && strcmp(got, want) == 0, "%s: %s", name, got == NULL ? "(none)" : got);
}

static void is_never_stored(void)
{
	header_is("Cache-Control", "no-store");
	header_is("Pragma", "no-cache");
}

Test(rest_encode, a_client_id)
{
	make(OP_GET_CLIENT_ID);
	op->out.client_id = STR("m2m_x");
	body_is("{\"client_id\":\"m2m_x\"}\n");
	header_is("Content-Type", "application/json");
	header_is("X-Request-Id", "r-1");
	header_is("X-Content-Type-Options", "nosniff");
	header_is("WWW-Authenticate", NULL);
	is_never_stored();
}

Test(rest_encode, a_client_secret)
{
	make(OP_GET_CLIENT_SECRET);
	op->out = (struct op_output){
		.client_id = STR("m2m_x"), .client_secret = STR("m2ms_y"), .version = 3, .created_us = INT64_C(1767225600000001)};
	body_is("{\"client_id\":\"m2m_x\",\"client_secret\":\"m2ms_y\",\"version\":3,\"created_at\":\"2026-01-01T00:00:00.000001Z\","
		"\"expires_at\":null}\n");
	is_never_stored();
}

Test(rest_encode, a_token_of_either_route)
{
	static const enum op_id routes[] = {OP_ISSUE_TOKEN, OP_OAUTH_TOKEN};
	for (int i = 0; i < 2; i++) {
		if (i > 0)
			op_free(op);
		make(routes[i]);
		op->out.access_token = STR("a.b.c");
		op->out.expires_in = 86400;
		op->out.scope = STR("api \"x\"");
		body_is("{\"access_token\":\"a.b.c\",\"token_type\":\"Bearer\",\"expires_in\":86400,\"scope\":\"api \\\"x\\\"\"}\n");
		is_never_stored();
	}
}

Test(rest_encode, a_rotation)
{
	make(OP_ROTATE_SECRET);
	op->out = (struct op_output){.client_id = STR("m2m_x"),
				     .client_secret = STR("m2ms_y"),
				     .version = 4,
				     .rotated_us = INT64_C(1767225600000000),
				     .expires_us = INT64_C(1767225720000000),
				     .previous_expires_us = INT64_C(1767225660000000)};
	body_is("{\"client_id\":\"m2m_x\",\"client_secret\":\"m2ms_y\",\"version\":4,\"rotated_at\":\"2026-01-01T00:00:00.000000Z\","
		"\"expires_at\":\"2026-01-01T00:02:00.000000Z\",\"previous_secret_expires_at\":\"2026-01-01T00:01:00.000000Z\",\"previous_"
		"secret_unused_for\":null}\n");
	is_never_stored();
}

Test(rest_encode, a_document_may_be_cached)
{
	make(OP_JWKS);
	op->out.document = STR("{\"keys\":[]}");
	op->out.max_age = 300;
	body_is("{\"keys\":[]}\n");
	header_is("Cache-Control", "public, max-age=300");
	header_is("Pragma", NULL);
}

Test(rest_encode, a_document_says_what_it_is_and_goes_out_as_it_stands)
{
	make(OP_OPENAPI_YAML);
	op->out.document = STR("openapi: 3.1.0\n");
	op->out.document_type = "application/yaml";
	struct str body = encoded(NULL);
	cr_assert(str_eq(body, op->out.document), "one end of line, not two");
	cr_assert_eq(body.p, op->out.document.p, "a text of 50 KB is not copied for each reader");
	header_is("Content-Type", "application/yaml");
}

Test(rest_encode, an_error_is_no_document)
{
	make(OP_OPENAPI_YAML);
	op->out.document = STR("openapi: 3.1.0\n");
	op->out.document_type = "application/yaml";
	op_fail(op, ERR_INTERNAL, NULL);
	encoded(NULL);
	header_is("Content-Type", "application/problem+json");
	is_never_stored();
}

/* A failure wins over whatever was written to `out` before. */
Test(rest_encode, no_secret_leaves_with_an_error)
{
	make(OP_GET_CLIENT_SECRET);
	op->out = (struct op_output){.client_id = STR("m2m_x"), .client_secret = STR("m2ms_y"), .document = STR("m2ms_y")};
	op->err = ERR_INTERNAL;
	struct str body = encoded(NULL);
	cr_assert_null(memmem(body.p, body.n, "m2m", 3), "%.*s", STR_ARG(body));
	is_never_stored();
}

/* RFC 9457 */
Test(rest_encode, a_problem)
{
	make(OP_ROTATE_SECRET);
	op_fail(op, ERR_STORE_UNAVAILABLE, NULL);
	op->retry_after = "1";
	body_is("{\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\"detail\":\"The database can't be reached or "
		"can't "
		"commit now; try again in a moment.\",\"code\":\"store_unavailable\",\"request_id\":\"r-1\"}\n");
	header_is("Content-Type", "application/problem+json");
	header_is("Retry-After", "1");
	header_is("Allow", NULL);
	is_never_stored();
}

Test(rest_encode, a_problem_of_a_path_that_does_not_exist)
{
	make(OP_JWKS);
	op->spec = NULL;
	op_fail(op, ERR_NOT_FOUND, "Nothing.");
	body_is("{\"type\":\"about:blank\",\"title\":\"Not "
		"Found\",\"status\":404,\"detail\":\"Nothing.\",\"code\":\"not_found\",\"request_id\":\"r-1\"}\n");
}

Test(rest_encode, a_head_goes_over_the_wire)
{
	char space[512];
	struct sbuf head = sbuf_fixed(space, sizeof space);
	answer = (struct rest_answer){.status = 200, .body = STR("{}\n")};
	rest_answer_add(&answer, STR("Content-Type"), STR("application/json"));
	rest_answer_add(&answer, STR("Retry-After"), STR_NONE);
	rest_answer_add(&answer, STR("X-Request-Id"), STR("r-1"));
	rest_answer_put_head(&answer, &head);
	make(OP_JWKS);
	cr_assert_str_eq(space, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: r-1\r\nContent-Length: 3\r\n\r\n");
}

/* RFC 9110 section 8.6 */
Test(rest_encode, what_has_no_content_has_no_length)
{
	char space[512];
	struct sbuf head = sbuf_fixed(space, sizeof space);
	make(OP_DELETE_CLIENT);
	encoded(NULL);
	rest_answer_put_head(&answer, &head);
	cr_assert(str_starts(sbuf_str(&head), STR("HTTP/1.1 204 No Content\r\n")), "%s", space);
	cr_assert_null(strstr(space, "\r\nContent-"), "%s", space);
	cr_assert_null(answer.body.p);
}

Test(rest_encode, a_wrong_method_names_the_right_one)
{
	make(OP_ROTATE_SECRET);
	allow = "POST";
	op_fail(op, ERR_METHOD_NOT_ALLOWED, NULL);
	encoded(allow);
	header_is("Allow", "POST");
}

static bool speaks_oauth(enum op_id id, enum err err)
{
	if (op != NULL)
		op_free(op);
	make(id);
	op_fail(op, err, NULL);
	struct str body = encoded(NULL);
	bool oauth = str_starts(body, STR("{\"error\":\""));
	header_is("Content-Type", oauth ? "application/json" : "application/problem+json");
	return oauth;
}

Test(rest_encode, errors_speak_the_language_of_their_route)
{
	cr_assert(speaks_oauth(OP_OAUTH_TOKEN, ERR_INVALID_CLIENT));
	cr_assert(speaks_oauth(OP_OAUTH_TOKEN, ERR_STORE_UNAVAILABLE));
	cr_assert(speaks_oauth(OP_OAUTH_TOKEN, ERR_UNSUPPORTED_MEDIA_TYPE));
	cr_assert(speaks_oauth(OP_ISSUE_TOKEN, ERR_INVALID_REQUEST));
	cr_assert(speaks_oauth(OP_ISSUE_TOKEN, ERR_UNSUPPORTED_GRANT_TYPE));
	cr_assert(speaks_oauth(OP_ISSUE_TOKEN, ERR_INVALID_CLIENT));
	cr_assert(speaks_oauth(OP_ISSUE_TOKEN, ERR_INVALID_SCOPE));
	cr_assert(speaks_oauth(OP_ISSUE_TOKEN, ERR_INVALID_TARGET));
	cr_assert_not(speaks_oauth(OP_ISSUE_TOKEN, ERR_INVALID_TOKEN));
	cr_assert_not(speaks_oauth(OP_ISSUE_TOKEN, ERR_STORE_UNAVAILABLE));
	cr_assert_not(speaks_oauth(OP_ROTATE_SECRET, ERR_INVALID_REQUEST));
	cr_assert_not(speaks_oauth(OP_GET_CLIENT_ID, ERR_INVALID_TOKEN));
}

/* RFC 6749 section 5.2: the word is one of the standard's, the sentence ASCII without quote and
 * backslash. */
Test(rest_encode, every_oauth_error_is_one_that_clients_can_read)
{
	for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
		const struct json *object = NULL;
		struct str word = STR_NONE;
		struct str sentence = STR_NONE;
		cr_assert(speaks_oauth(OP_OAUTH_TOKEN, err));
		struct str body = encoded(NULL);
		cr_assert_eq(
			json_parse(op->arena, str_from(body.p, body.n - 1), (struct json_limits){.max_depth = 1, .max_values = 8}, &object),
			ERR_OK);
		cr_assert_eq(json_string(json_get(object, "error"), &word), ERR_OK);
		cr_assert_eq(json_string(json_get(object, "error_description"), &sentence), ERR_OK);
		cr_assert(word.n > 0 && str_is_word(word, "_"));
		for (size_t i = 0; i < sentence.n; i++)
			cr_assert(sentence.p[i] >= 0x20 && sentence.p[i] < 0x7f && sentence.p[i] != '"' && sentence.p[i] != '\\', "%s",
				  err_info(err)->code);
	}
}

static void challenge(enum op_id id, enum err err, const char *want)
{
	speaks_oauth(id, err);
	header_is("WWW-Authenticate", want);
}

Test(rest_encode, a_401_says_how_to_authenticate)
{
	challenge(OP_OAUTH_TOKEN, ERR_INVALID_CLIENT, "Basic realm=\"m2m-gateway\"");
	challenge(OP_GET_CLIENT_ID, ERR_MISSING_TOKEN,
		  "Bearer realm=\"m2m-gateway\", DPoP realm=\"m2m-gateway\", algs=\"RS256 ES256 PS256 EdDSA Ed25519\"");
	challenge(OP_GET_CLIENT_ID, ERR_INVALID_TOKEN, "Bearer realm=\"m2m-gateway\", error=\"invalid_token\"");
	challenge(OP_GET_CLIENT_SECRET, ERR_FORBIDDEN, "Bearer realm=\"m2m-gateway\", error=\"insufficient_scope\"");
	challenge(OP_ISSUE_TOKEN, ERR_INVALID_CLIENT, "Bearer realm=\"m2m-gateway\"");
	challenge(OP_OAUTH_TOKEN, ERR_INVALID_SCOPE, NULL);
}

#define DPOP_ALGS ", algs=\"RS256 ES256 PS256 EdDSA Ed25519\""

/* RFC 9449 sections 7.1 and 9, and section 5 at the token endpoint. */
Test(rest_encode, a_proof_of_a_bearer_is_wrong_with_401_and_one_at_the_token_endpoint_with_400)
{
	static const enum err errs[] = {ERR_INVALID_DPOP_PROOF, ERR_PROOF_REPLAYED, ERR_USE_DPOP_NONCE};
	for (size_t i = 0; i < sizeof errs / sizeof *errs; i++) {
		bool nonce = errs[i] == ERR_USE_DPOP_NONCE;
		challenge(OP_ISSUE_TOKEN, errs[i],
			  nonce ? "DPoP realm=\"m2m-gateway\", error=\"use_dpop_nonce\"" DPOP_ALGS
				: "DPoP realm=\"m2m-gateway\", error=\"invalid_dpop_proof\"" DPOP_ALGS);
		cr_expect(answer.status == 401 && rest_status(op) == 401);
		challenge(OP_OAUTH_TOKEN, errs[i], NULL);
		cr_expect(answer.status == 400 && rest_status(op) == 400);
	}
}

Test(rest_encode, who_came_with_dpop_is_challenged_for_it)
{
	static const struct {
		enum err err;
		const char *want;
	} cases[] = {
		{ERR_INVALID_TOKEN, "DPoP realm=\"m2m-gateway\", error=\"invalid_token\"" DPOP_ALGS},
		{ERR_FORBIDDEN, "DPoP realm=\"m2m-gateway\", error=\"insufficient_scope\"" DPOP_ALGS},
		{ERR_INVALID_CLIENT, "DPoP realm=\"m2m-gateway\"" DPOP_ALGS},
		{ERR_NETWORK_NOT_ALLOWED, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		make(OP_ISSUE_TOKEN);
		op->in.dpop_scheme = i % 2 == 0;
		op->bearer_proof.wanted = i % 2 == 1; /* it should have */
		op->err = cases[i].err;
		encoded(NULL);
		header_is("WWW-Authenticate", cases[i].want);
		op_free(op);
	}
	op = NULL;
}

Test(rest_encode, an_installation_of_fapi2_names_no_algorithm_that_it_refuses)
{
	config.fapi2 = true;
	challenge(OP_GET_CLIENT_ID, ERR_MISSING_TOKEN,
		  "Bearer realm=\"m2m-gateway\", DPoP realm=\"m2m-gateway\", algs=\"ES256 PS256 EdDSA Ed25519\"");
	challenge(OP_ISSUE_TOKEN, ERR_INVALID_DPOP_PROOF,
		  "DPoP realm=\"m2m-gateway\", error=\"invalid_dpop_proof\", algs=\"ES256 PS256 EdDSA Ed25519\"");
	config.fapi2 = false;
}

Test(rest_encode, a_nonce_stands_in_answers_and_refusals_which_no_cache_keeps)
{
	make(OP_LIST_REVOCATIONS);
	op->dpop_nonce = STR("n-1");
	op->out.document = STR("{}\n");
	op->out.etag = STR("\"e\"");
	op->out.max_age = 5;
	encoded(NULL);
	header_is("DPoP-Nonce", "n-1");
	is_never_stored();
	op->err = ERR_USE_DPOP_NONCE;
	encoded(NULL);
	header_is("DPoP-Nonce", "n-1");
	is_never_stored();
}

Test(rest_encode, a_token_that_is_bound_to_a_dpop_key_says_so)
{
	make(OP_OAUTH_TOKEN);
	op->out.access_token = STR("a.b.c");
	op->out.scope = STR("api");
	op->out.token_needs_proof = true;
	body_is("{\"access_token\":\"a.b.c\",\"token_type\":\"DPoP\",\"expires_in\":0,\"scope\":\"api\"}\n");
}

Test(rest_encode, what_an_active_token_is_bound_to_is_told)
{
	make(OP_INTROSPECT_TOKEN);
	op->out.introspected = (struct introspected){.active = true, .audience = STR("x"), .bound_to = STR("jkt:abc")};
	body_is("{\"active\":true,\"token_type\":\"DPoP\",\"exp\":0,\"iat\":0,\"aud\":\"x\",\"cnf\":{\"jkt\":\"abc\"}}\n");
	op->out.introspected.bound_to = STR("x5t#S256:abc");
	body_is("{\"active\":true,\"token_type\":\"Bearer\",\"exp\":0,\"iat\":0,\"aud\":\"x\",\"cnf\":{\"x5t#S256\":\"abc\"}}\n");
}

Test(rest_encode, of_a_token_that_is_not_active_nothing_is_told)
{
	make(OP_INTROSPECT_TOKEN);
	op->out.introspected = (struct introspected){.scope = STR("api"), .client_id = STR("m2m_x"), .expires_at = 9};
	body_is("{\"active\":false}\n");
	is_never_stored();
}

/* RFC 7662 section 2.2; RFC 7519 section 4.1.3 for `aud`. */
Test(rest_encode, of_an_active_one_its_claims_are)
{
	make(OP_INTROSPECT_TOKEN);
	op->out.introspected = (struct introspected){.active = true,
						     .scope = STR("a b"),
						     .client_id = STR("m2m_x"),
						     .subject = STR("s"),
						     .issuer = STR("i"),
						     .jti = STR("j"),
						     .organization_id = STR("o"),
						     .audience = STR("x y"),
						     .issued_at = 7,
						     .expires_at = 9};
	body_is("{\"active\":true,\"scope\":\"a b\",\"client_id\":\"m2m_x\",\"token_type\":\"Bearer\",\"exp\":9,\"iat\":7,"
		"\"sub\":\"s\",\"aud\":[\"x\",\"y\"],\"iss\":\"i\",\"jti\":\"j\",\"organization_id\":\"o\"}\n");
	op->out.introspected = (struct introspected){.active = true, .audience = STR("x"), .issued_at = 7, .expires_at = 9};
	body_is("{\"active\":true,\"token_type\":\"Bearer\",\"exp\":9,\"iat\":7,\"aud\":\"x\"}\n");
}

Test(rest_encode, what_the_caller_has_is_not_sent_again)
{
	make(OP_LIST_REVOCATIONS);
	op->out.document = STR("{}\n");
	op->out.etag = STR("\"t\"");
	op->out.max_age = 5;
	body_is("{}\n");
	header_is("ETag", "\"t\"");
	header_is("Cache-Control", "private, max-age=5");
	op->out.not_modified = true;
	rest_encode(op, allow, &answer);
	cr_assert_eq(answer.status, 304);
	cr_assert_null(answer.body.p);
	header_is("ETag", "\"t\"");
	header_is("Content-Type", NULL);
}

Test(rest_encode, a_caller_is_challenged_as_it_came)
{
	challenge(OP_INTROSPECT_TOKEN, ERR_INVALID_CLIENT, "Basic realm=\"m2m-gateway\"");
	challenge(OP_INTROSPECT_TOKEN, ERR_FORBIDDEN, NULL);
	op_free(op);
	make(OP_INTROSPECT_TOKEN);
	op->in.bearer = STR("x");
	op->err = ERR_INVALID_TOKEN;
	rest_encode(op, allow, &answer);
	header_is("WWW-Authenticate", "Bearer realm=\"m2m-gateway\", error=\"invalid_token\"");
}

Test(rest_encode, every_status_has_its_phrase)
{
	make(OP_JWKS);
	for (enum err err = ERR_OK; err < ERR_COUNT; err++)
		cr_assert_eq(err_info(err)->http == 500, strcmp(rest_reason(err_info(err)->http), "Internal Server Error") == 0, "%s",
			     err_info(err)->code);
}

/* RFC 9110 sections 15.3.2 and 15.3.5. */
Test(rest_encode, what_was_made_is_201_what_is_gone_204_and_a_refusal_its_rows)
{
	static const struct {
		enum op_id id;
		enum err err;
		int status;
	} rows[] = {
		{OP_CREATE_ORGANIZATION, ERR_OK, 201},
		{OP_CREATE_CLIENT, ERR_OK, 201},
		{OP_ADD_CREDENTIAL, ERR_OK, 201},
		{OP_REMOVE_CREDENTIAL, ERR_OK, 204},
		{OP_DELETE_ORGANIZATION, ERR_OK, 204},
		{OP_DELETE_CLIENT, ERR_OK, 204},
		{OP_GET_CLIENT_ID, ERR_OK, 200},
		{OP_DELETE_CLIENT, ERR_CLIENT_NOT_FOUND, 404},
		{OP_CREATE_CLIENT, ERR_ALREADY_EXISTS, 409},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		make(rows[i].id);
		op->err = rows[i].err;
		cr_assert_eq(rest_status(op), rows[i].status, "row %zu", i);
		op_free(op);
	}
	make(OP_GET_CLIENT_ID); /* for down */
}

/* What finds no room in the op's memory is told as our fault, from other memory. */
Test(rest_encode, an_answer_without_room_is_none)
{
	char room[512];
	make(OP_LIST_CLIENTS);
	cr_assert_null(arena_alloc(op->arena, 8 << 20));
	encoded(NULL);
	cr_assert_eq(answer.status, 200);
	cr_assert_not(rest_is_whole(&answer));
	rest_encode_alone(op, room, sizeof room, &answer);
	cr_assert(rest_is_whole(&answer));
	cr_assert_eq(answer.status, 500);
	header_is("Content-Type", "application/problem+json");
	cr_expect(str_eq(answer.body,
			 STR("{\"type\":\"about:blank\",\"title\":\"Internal Server Error\",\"status\":500,\"detail\":\"The service met a "
			     "fault of its own.\",\"code\":\"internal\",\"request_id\":\"r-1\"}\n")),
		  "%.*s", STR_ARG(answer.body));
	op_free(op);
	make(OP_DELETE_CLIENT);
	encoded(NULL);
	cr_assert(rest_is_whole(&answer), "204 wants no body");
}
