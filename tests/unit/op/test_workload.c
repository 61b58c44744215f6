/* The steps of a client that shows its platform's token, and what such a token must say. */
#include <criterion/criterion.h>

#include "crypto/jwt.h"
#include "fakes/fake_trust.h"
#include "op/workload.h"
#include "op_test.h"
#include "json/json_read.h"

#define TYPE     "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define PLATFORM "https://platform.example"
#define SUBJECT  "system:serviceaccount:prod:web"
#define ID       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
#define OTHER_ID "lllllllllllllllllllllllllllllllllllllllllll"
#define NO_MATCH "The assertion isn't one of this client's workloads, or there is no such client."

static struct trust_view trust;
static struct signing_key *theirs, *stranger;

static void up(void)
{
	op_up();
	cr_assert_eq(signing_key_generate(JWT_ES256, &theirs), ERR_OK);
	cr_assert_eq(signing_key_generate(JWT_ES256, &stranger), ERR_OK);
	trust = (struct trust_view){.issuer = {.issuer = STR(PLATFORM), .workloads = true}, .kid = signing_key_kid(theirs), .key = theirs};
	env.trust = &trust;
}

static void down(void)
{
	op_down();
	signing_key_free(theirs);
	signing_key_free(stranger);
}

TestSuite(workload, .init = up, .fini = down);

static struct client_jwk row(const char *id, const char *subject, const char *claims, bool may_replay)
{
	return (struct client_jwk){.credential_id = str_of(id),
				   .workload = {.issuer = trust.issuer.issuer,
						.subject = str_of(subject),
						.audience = STR(ISSUER),
						.claims = str_of(claims),
						.may_replay = may_replay}};
}

static struct str token_of(struct signing_key *k, const char *claims)
{
	struct sbuf token = sbuf_in(arena, 4096);
	cr_assert_eq(jwt_sign(k, false, str_of(claims), &token), ERR_OK);
	return sbuf_str(&token);
}

static const char *claims_with(const char *more)
{
	return arena_printf(arena, "{\"iss\":\"" PLATFORM "\",\"sub\":\"" SUBJECT "\",\"aud\":[\"x\",\"" ISSUER "\"],\"exp\":%lld%s}",
			    (long long)NOW + 600, more)
		.p;
}

static struct op *run(struct op_input in)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	store.waiting = FAKE_NONE;
	store.calls = 0;
	op->in = in;
	op_run(op);
	return op;
}

static struct op *show(struct str assertion)
{
	return run((struct op_input){.grant_type = STR("client_credentials"),
				     .client_id = STR(CLIENT),
				     .client_assertion = assertion,
				     .client_assertion_type = STR(TYPE)});
}

static struct op *grant(struct str assertion)
{
	return run((struct op_input){.grant_type = STR(WORKLOAD_GRANT), .client_id = STR(CLIENT), .assertion = assertion});
}

static void answer_issue(enum err err)
{
	tell_row(store.request);
	store.request->key = keyset_current(store.keys);
	fake_issue(&store, err);
}

static void expect_issue(const struct op *op, char method, const char *ids, bool once)
{
	cr_assert_eq(store.waiting, FAKE_ISSUE, "%s", op->err_detail);
	const struct issue_request *r = store.request;
	cr_expect(str_eq(r->credentials, str_of(ids)), "%.*s", STR_ARG(r->credentials));
	cr_expect_eq(r->auth_method, method);
	cr_expect(r->verifiers.p == NULL && (r->assertion.hash.n == 16) == once);
	cr_expect(!once || r->assertion.until == NOW + 600 + 30, "exp and the leeway");
}

static void expect_refused(const struct op *op, enum err err, const char *why)
{
	answered(op, err);
	cr_expect_str_eq(op->err_detail, why);
}

Test(workload, its_platform_s_token_is_used_once_and_the_rows_are_remembered)
{
	struct client_jwk rows[] = {row(ID, SUBJECT, "{}", false)};
	struct op *op = show(token_of(theirs, claims_with(",\"jti\":\"a\"")));
	cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS);
	fake_client_jwks(&store, ERR_OK, rows, 1);
	expect_issue(op, 'w', ID, true);
	cr_expect(str_eq(store.request->presented, STR(PLATFORM " " SUBJECT)), "%.*s", STR_ARG(store.request->presented));
	answer_issue(ERR_OK);
	answered(op, ERR_OK);
	op = show(token_of(theirs, claims_with(",\"jti\":\"b\"")));
	expect_issue(op, 'w', ID, true); /* nobody was asked */
	answer_issue(ERR_ASSERTION_REPLAYED);
	answered(op, ERR_ASSERTION_REPLAYED);
}

Test(workload, the_grant_has_the_grant_s_errors)
{
	struct client_jwk rows[] = {row(ID, SUBJECT, "{}", false)};
	struct str token = token_of(theirs, claims_with(",\"jti\":\"a\""));
	struct op *op = grant(token);
	fake_client_jwks(&store, ERR_OK, rows, 1);
	expect_issue(op, 'j', ID, true);
	answer_issue(ERR_ASSERTION_REPLAYED);
	expect_refused(op, ERR_INVALID_GRANT, "The assertion was used before: each one is good for one request.");
	op = grant(token_of(stranger, claims_with(",\"jti\":\"a\"")));
	expect_refused(op, ERR_INVALID_GRANT, NO_MATCH);
	op = grant(STR("x.y.z"));
	expect_refused(op, ERR_INVALID_GRANT, "The assertion isn't a JWT of an issuer whose workloads are taken here.");
	op = grant(STR_NONE);
	expect_refused(op, ERR_INVALID_REQUEST, "The parameter assertion is missing (RFC 7523 section 2.1).");
	op = run((struct op_input){.grant_type = STR(WORKLOAD_GRANT), .assertion = token});
	expect_refused(op, ERR_INVALID_REQUEST, "The parameter client_id is missing: it says which client the workload is.");
	op = run((struct op_input){
		.grant_type = STR(WORKLOAD_GRANT), .client_id = STR(CLIENT), .client_secret = STR("s"), .assertion = token});
	expect_refused(op, ERR_INVALID_REQUEST, "The grant's assertion says who the client is: nothing else may beside it.");
	trust.issuer.workloads = false;
	answered(grant(token), ERR_UNSUPPORTED_GRANT_TYPE);
}

Test(workload, a_token_of_nobody_s_issuer_costs_nothing)
{
	struct str token = token_of(theirs, "{\"iss\":\"https://evil.example\",\"sub\":\"x\",\"aud\":\"" ISSUER "\",\"exp\":1767225700}");
	struct op *op = show(token);
	refused_unasked(op, ERR_INVALID_CLIENT);
	trust.issuer.workloads = false;
	refused_unasked(show(token_of(theirs, claims_with(",\"jti\":\"a\""))), ERR_INVALID_CLIENT);
}

Test(workload, whatever_does_not_match_has_one_answer)
{
	static const struct {
		const char *subject, *claims;
	} cases[] = {
		{"system:serviceaccount:prod:other", "{}"},
		{SUBJECT, "{\"kubernetes.io\":{\"namespace\":\"test\"}}"},
		{SUBJECT, "{\"nothing\":\"x\"}"},
		{SUBJECT, "not json"},
		{NULL, "{}"},
	};
	struct str token = token_of(theirs, claims_with(",\"jti\":\"a\",\"kubernetes.io\":{\"namespace\":\"prod\"}"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client_jwk rows[] = {row(ID, cases[i].subject, cases[i].claims, false)};
		struct op *op = show(token);
		cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS, "asked, since it may have been added");
		fake_client_jwks(&store, ERR_OK, rows, 1);
		expect_refused(op, ERR_INVALID_CLIENT, NO_MATCH);
	}
	struct op *op = show(token_of(stranger, claims_with(",\"jti\":\"a\"")));
	expect_refused(op, ERR_INVALID_CLIENT, NO_MATCH);
	op = run((struct op_input){.grant_type = STR("client_credentials"),
				   .client_id = STR("somebody"),
				   .client_assertion = token,
				   .client_assertion_type = STR(TYPE)});
	refused_unasked(op, ERR_INVALID_CLIENT);
	cr_expect_str_eq(op->err_detail, NO_MATCH);
}

Test(workload, the_client_is_named_beside_it)
{
	struct op *op = run((struct op_input){.grant_type = STR("client_credentials"),
					      .client_assertion = token_of(theirs, claims_with(",\"jti\":\"a\"")),
					      .client_assertion_type = STR(TYPE)});
	expect_refused(op, ERR_INVALID_CLIENT, "The parameter client_id is missing: it says which client the workload is.");
}

Test(workload, a_token_without_jti_or_of_a_year_is_taken_where_it_may_be_replayed)
{
	struct client_jwk strict[] = {row(ID, SUBJECT, "{}", false)};
	struct client_jwk both[] = {row(ID, SUBJECT, "{}", false), row(OTHER_ID, SUBJECT, "{}", true)};
	const char *year =
		arena_printf(arena, "{\"iss\":\"" PLATFORM "\",\"sub\":\"" SUBJECT "\",\"aud\":\"" ISSUER "\",\"exp\":%lld,\"jti\":\"y\"}",
			     (long long)NOW + 31536000)
			.p;
	struct op *op = show(token_of(theirs, claims_with("")));
	fake_client_jwks(&store, ERR_OK, strict, 1);
	if (store.waiting == FAKE_CLIENT_JWKS)
		fake_client_jwks(&store, ERR_OK, strict, 1);
	expect_refused(op, ERR_INVALID_CLIENT, "The assertion lacks jti, and its workload isn't registered with may_replay.");
	op = show(token_of(theirs, year));
	fake_client_jwks(&store, ERR_OK, strict, 1);
	expect_refused(op, ERR_INVALID_CLIENT,
		       "The assertion is good for longer than a day, and its workload isn't registered with may_replay.");
	op = show(token_of(theirs, year));
	fake_client_jwks(&store, ERR_OK, both, 2);
	expect_issue(op, 'w', OTHER_ID, false);
	answer_issue(ERR_OK);
	op = show(token_of(theirs, claims_with("")));
	expect_issue(op, 'w', OTHER_ID, false);
	answer_issue(ERR_OK);
	op = show(token_of(theirs, claims_with(",\"jti\":\"a\"")));
	expect_issue(op, 'w', ID, true);
	answer_issue(ERR_OK);
}

/* A workload's id is of its terms: the one that is there now has another id, which the memo
 * doesn't know. */
Test(workload, what_the_statement_refuses_for_an_old_memory_is_tried_once_more)
{
	struct client_jwk before[] = {row(ID, SUBJECT, "{}", false)};
	struct client_jwk after[] = {row(OTHER_ID, SUBJECT, "{\"sub\":\"" SUBJECT "\"}", false)};
	struct op *op = show(token_of(theirs, claims_with(",\"jti\":\"a\"")));
	fake_client_jwks(&store, ERR_OK, before, 1);
	answer_issue(ERR_OK);
	op = show(token_of(theirs, claims_with(",\"jti\":\"b\"")));
	expect_issue(op, 'w', ID, true);
	answer_issue(ERR_INVALID_CLIENT);
	cr_assert_eq(store.waiting, FAKE_CLIENT_JWKS);
	fake_client_jwks(&store, ERR_OK, after, 1);
	expect_issue(op, 'w', OTHER_ID, true);
	answer_issue(ERR_INVALID_CLIENT);
	expect_refused(op, ERR_INVALID_CLIENT, NO_MATCH);
}

Test(workload, its_issuer_s_keys_are_waited_for)
{
	struct client_jwk rows[] = {row(ID, SUBJECT, "{}", false)};
	struct signing_key *kept = trust.key;
	trust.key = NULL;
	trust.find = ERR_AGAIN;
	struct op *op = show(token_of(theirs, claims_with(",\"jti\":\"a\"")));
	cr_expect_eq(trust.waits, 0, "a client's name alone fetches no keys");
	fake_client_jwks(&store, ERR_OK, rows, 1);
	cr_assert_eq(trust.waits, 1);
	trust.key = kept;
	fake_trust_fetched(&trust, ERR_OK);
	expect_issue(op, 'w', ID, true);
	answer_issue(ERR_OK);

	trust.key = NULL;
	trust.find = ERR_ISSUER_UNAVAILABLE;
	answered(show(token_of(theirs, claims_with(",\"jti\":\"b\""))), ERR_ISSUER_UNAVAILABLE);
}

Test(workload, a_spiffe_id_s_trust_domain_is_its_issuer)
{
	trust.issuer.issuer = trust.issuer.spiffe_trust_domain = STR("example.org");
	struct client_jwk rows[] = {row(ID, "spiffe://example.org/web", "{}", true)};
	const char *claims =
		arena_printf(arena, "{\"sub\":\"spiffe://example.org/web\",\"aud\":\"" ISSUER "\",\"exp\":%lld}", (long long)NOW + 300).p;
	struct op *op = show(token_of(theirs, claims));
	fake_client_jwks(&store, ERR_OK, rows, 1);
	expect_issue(op, 'w', ID, false);
	cr_expect(str_eq(store.request->presented, STR("example.org spiffe://example.org/web")));
	answer_issue(ERR_OK);
}

/* ---- the token alone ---- */

static const char *read_fault(const char *claims, struct workload_token *ret)
{
	static const struct json_limits limits = {.max_depth = 8, .max_values = 64};
	const struct json *json;
	cr_assert_eq(json_parse(arena, str_of(claims), limits, &json), ERR_OK, "%s", claims);
	return workload_token_read(json, 1000000, ret);
}

Test(workload, ages_and_names_are_held_to_their_rules)
{
	static const struct {
		const char *claims, *why; /* NULL: it is right */
	} cases[] = {
		{"{\"sub\":\"s\",\"exp\":1000001}", NULL},
		{"{\"sub\":\"s\",\"exp\":999971}", NULL},
		{"{\"sub\":\"s\",\"exp\":999970}", "has expired"},
		{"{\"sub\":\"s\"}", "lacks exp"},
		{"{\"sub\":\"s\",\"exp\":\"soon\"}", "must be a number"},
		{"{\"sub\":\"s\",\"exp\":1e99}", "must be a number"},
		{"{\"sub\":\"s\",\"exp\":1000001,\"nbf\":1000030,\"iat\":1000030}", NULL},
		{"{\"sub\":\"s\",\"exp\":1000001,\"nbf\":1000031}", "nbf is in the future"},
		{"{\"sub\":\"s\",\"exp\":1000001,\"iat\":1000031}", "iat is in the future"},
		{"{\"sub\":\"s\",\"exp\":1000001,\"iat\":\"x\"}", "iat is in the future or no number"},
		{"{\"sub\":\"s\",\"exp\":1000001,\"jti\":\"\"}", "jti must be"},
		{"{\"sub\":\"s\",\"exp\":1000001,\"jti\":7}", "jti must be"},
		{"{\"exp\":1000001}", "lacks sub"},
		{"{\"sub\":\"\",\"exp\":1000001}", "lacks sub"},
		{"{\"sub\":\"a\\nb\",\"exp\":1000001}", "lacks sub"},
	};
	struct workload_token token;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *why = read_fault(cases[i].claims, &token);
		cr_expect((why == NULL) == (cases[i].why == NULL), "%s: %s", cases[i].claims, why);
		cr_expect(cases[i].why == NULL || (why != NULL && strstr(why, cases[i].why) != NULL), "%s: %s", cases[i].claims, why);
	}
	cr_assert_null(read_fault("{\"sub\":\"s\",\"exp\":1086370}", &token));
	cr_expect(!token.long_lived && token.refused_from == 1086400);
	cr_assert_null(read_fault("{\"sub\":\"s\",\"exp\":1086371}", &token));
	cr_expect(token.long_lived);
}

Test(workload, claims_are_compared_by_their_text_and_by_path)
{
	static const struct json_limits limits = {.max_depth = 8, .max_values = 64};
	static const struct {
		const char *wanted;
		bool fits;
	} cases[] = {
		{"{\"repository\":\"acme/shop\"}", true},
		{"{\"repository\":\"acme/shop2\"}", false},
		{"{\"repository\":\"acme\"}", false},
		{"{\"ref_protected\":\"true\",\"run\":\"7\",\"off\":false}", true},
		{"{\"ref_protected\":true,\"run\":7}", true},
		{"{\"run\":8}", false},
		{"{\"kubernetes.io\":{\"namespace\":\"prod\",\"pod\":{\"name\":\"web-1\"}}}", true},
		{"{\"kubernetes.io\":{\"namespace\":\"prod\",\"pod\":{\"name\":\"web-2\"}}}", false},
		{"{\"/kubernetes.io/pod/name\":\"web-1\"}", true},
		{"{\"a.b\":\"c\"}", true},
		{"{\"groups\":\"x\"}", false},
		{"{\"nothing\":\"\"}", false},
		{"{\"null\":\"\"}", false},
		{"{\"kubernetes.io\":\"x\"}", false},
		{"{\"repository\":{\"x\":\"y\"}}", false},
	};
	const struct json *claims;
	const struct workload_token token = {.subject = STR("s")};
	cr_assert_eq(
		json_parse(
			arena,
			STR("{\"aud\":\"a\",\"repository\":\"acme/shop\",\"ref_protected\":true,\"run\":7,\"off\":\"false\",\"null\":null,"
			    "\"groups\":[\"x\"],\"a\":{\"b\":\"c\"},"
			    "\"kubernetes.io\":{\"namespace\":\"prod\",\"pod\":{\"name\":\"web-1\"}}}"),
			limits, &claims),
		ERR_OK);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct workload_terms terms = {.issuer = STR("i"), .audience = STR("a"), .claims = str_of(cases[i].wanted)};
		cr_expect_eq(workload_token_fits(arena, claims, STR("i"), &token, &terms), cases[i].fits, "%s", cases[i].wanted);
		terms.issuer = STR("j");
		cr_expect_not(workload_token_fits(arena, claims, STR("i"), &token, &terms), "another issuer");
		terms.issuer = STR("i");
		terms.audience = STR("b");
		cr_expect_not(workload_token_fits(arena, claims, STR("i"), &token, &terms), "another audience");
	}
}
