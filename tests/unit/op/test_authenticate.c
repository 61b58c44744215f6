#include <criterion/criterion.h>

#include "crypto/jwt.h"
#include "fakes/fake_clock.h"
#include "op_test.h"

TestSuite(authenticate, .init = op_up, .fini = op_down);

static struct op *call_with(struct str bearer)
{
	return run_with(OP_GET_CLIENT_ID, bearer);
}

static void taken(const struct op *op)
{
	cr_assert_eq(op->err, ERR_OK, "%s", err_info(op->err)->code);
	cr_assert_eq(replies, 0);
	cr_assert_eq(store.waiting, FAKE_READ_CLIENT_ID);
	cr_assert_eq(store.bearer, &op->caller);
}

static void refused(struct claims c)
{
	refused_unasked(call_with(token_from(c)), ERR_INVALID_TOKEN);
}

static const char *organization_of(const struct op *op)
{
	static char text[UUID_TEXT_LEN + 1];
	uuid_format(op->caller.organization_id, text);
	return text;
}

Test(authenticate, a_client_s_token_names_its_client_and_version)
{
	struct op *op = call_with(token_from(client_claims()));
	taken(op);
	cr_assert(str_eq(op->caller.client_id, STR(CLIENT)));
	cr_assert_eq(op->caller.secret_version, 3);
	cr_assert_str_eq(organization_of(op), ORGANIZATION);
	cr_assert_not(op->caller.admin, "a client's roles are asked in SQL");
	cr_assert(str_eq(op->origin.actor, STR(CLIENT)));
}

Test(authenticate, a_token_that_a_key_was_shown_for_tells_the_key_by_its_tag)
{
	struct claims c = client_claims();
	c.secret_version = c.secret_tag = NULL;
	c.credential_tag = "\"dGFnLW9m\"";
	struct op *op = call_with(token_from(c));
	taken(op);
	cr_expect_eq(op->caller.secret_version, 0);
	cr_expect(str_eq(op->caller.secret_tag, STR("tag-of")));
	static const char *const odd[] = {"\"\"", "7", "\"dGFnLW9\"", "\"dGFnLW9mIQ\""};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		c.credential_tag = odd[i];
		refused_unasked(call_with(token_from(c)), ERR_INVALID_TOKEN);
	}
	c.credential_tag = "\"dGFnLW9m\"";
	c.secret_version = "3"; /* one of the two, never both */
	refused_unasked(call_with(token_from(c)), ERR_INVALID_TOKEN);
}

Test(authenticate, a_client_s_token_has_no_say_about_its_roles)
{
	struct claims c = client_claims();
	c.roles = "[\"admin\"]";
	struct op *op = call_with(token_from(c));
	taken(op);
	cr_assert_not(op->caller.admin);
}

Test(authenticate, an_operator_s_token_names_its_organization_and_roles)
{
	struct op *op = call_with(token_from(operator_claims()));
	taken(op);
	cr_assert_null(op->caller.client_id.p);
	cr_assert_eq(op->caller.secret_version, 0);
	cr_assert_str_eq(organization_of(op), ORGANIZATION);
	cr_assert(op->caller.admin);
	cr_assert(str_eq(op->origin.actor, STR("ops@example.com")));
}

Test(authenticate, an_operator_without_the_role_is_no_admin)
{
	static const char *const roles[] = {
		NULL, "[]", "[\"member\"]", "[\"Admin\"]", "[\"administrator\"]", "\"admin\"", "{\"admin\":1}", "[[\"admin\"]]"};
	for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
		struct claims c = operator_claims();
		c.roles = roles[i];
		struct op *op = call_with(token_from(c));
		taken(op);
		cr_assert_not(op->caller.admin, "%s", roles[i]);
	}
}

Test(authenticate, no_bearer_is_told_apart_from_a_bad_one)
{
	refused_unasked(call_with(STR_NONE), ERR_MISSING_TOKEN);
	refused_unasked(call_with(STR("")), ERR_INVALID_TOKEN);
	refused_unasked(call_with(STR("not a token")), ERR_INVALID_TOKEN);
	refused_unasked(call_with(STR("eyJhbGciOiJub25lIn0.e30.")), ERR_INVALID_TOKEN);
}

Test(authenticate, a_bearer_of_any_length_is_refused_unread)
{
	char *text = arena_alloc(arena, JWT_MAX_LEN + 1);
	memset(text, 'a', JWT_MAX_LEN + 1);
	refused_unasked(call_with(str_from(text, JWT_MAX_LEN + 1)), ERR_INVALID_TOKEN);
}

Test(authenticate, times_are_kept_without_leeway)
{
	struct claims c = client_claims();
	c.exp = "1767225601";
	c.nbf = "1767225600";
	taken(call_with(token_from(c)));
	c.exp = "1767225600";
	refused(c);
	c = client_claims();
	c.nbf = "1767225601";
	refused(c);
}

Test(authenticate, times_must_be_numbers_that_a_clock_may_show)
{
	static const char *const odd[] = {"\"1767229200\"", "null", "-1",           "9999999999999999999",
					  "1e99",           "-1.5", "[1767229200]", "1767229200e9"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct claims c = client_claims();
		c.exp = odd[i];
		refused(c);
		c = client_claims();
		c.nbf = odd[i];
		refused(c);
	}
	struct claims forever = client_claims();
	forever.exp = NULL;
	refused(forever);
}

Test(authenticate, only_our_issuer_counts)
{
	static const char *const others[] = {NULL, "\"https://m2m.example/\"", "\"https://other.example\"", "\"\"",
					     "1",  "[\"" ISSUER "\"]"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct claims c = client_claims();
		c.iss = others[i];
		refused(c);
	}
}

Test(authenticate, an_organization_and_a_subject_must_be_there)
{
	static const char *const organizations[] = {NULL, "\"\"", "\"0190a0a0\"", "1", "null"};
	for (size_t i = 0; i < sizeof organizations / sizeof *organizations; i++) {
		struct claims c = client_claims();
		c.organization_id = organizations[i];
		refused(c);
	}
	static const char *const subjects[] = {NULL, "\"\"", "1",
					       "\"12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
					       "0123456789012345678901234567890123456789\"" /* 129 */};
	for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
		struct claims c = operator_claims();
		c.sub = subjects[i];
		refused(c);
	}
	struct claims longest = operator_claims();
	longest.sub = "\"123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
		      "56789012345678\"";
	taken(call_with(token_from(longest)));
}

/* A number comes again after a restore; what else a token says of its version goes to the store,
 * which decides. */
Test(authenticate, what_tells_the_secrets_version_from_another_of_its_number_is_asked_for)
{
	struct claims c = client_claims();
	struct op *op = call_with(token_from(c));
	taken(op);
	cr_expect(str_eq(op->caller.secret_tag, STR("tag-of")));
	c.secret_tag = NULL; /* made before there were any */
	c.iat = "1767225599";
	for (int again = 0; again < 2; again++) {
		op = call_with(token_from(c));
		taken(op);
		cr_expect_null(op->caller.secret_tag.p);
		cr_expect_eq(op->caller.issued_at, NOW - 1);
	}
	c.iat = NULL;
	refused(c);
	static const char *const odd_tags[] = {"\"\"", "\"dGFnLW9\"", "\"dGFnLW9mZg\"", "\"dGFnLW9*\"", "1", "null"};
	for (size_t i = 0; i < sizeof odd_tags / sizeof *odd_tags; i++) {
		c = client_claims();
		c.secret_tag = odd_tags[i];
		refused(c);
	}
	c = operator_claims();
	c.secret_tag = "\"dGFnLW9m\"";
	refused(c);
}

/* Half a client is nobody: neither the client's rights nor the operator's. */
Test(authenticate, a_client_and_its_version_come_together)
{
	struct claims c = client_claims();
	c.secret_version = NULL;
	refused(c);
	c = client_claims();
	c.client_id = NULL;
	refused(c);
	c.roles = "[\"admin\"]";
	refused(c);
	static const char *const odd_clients[] = {"\"\"", "\"short\"", "\"has a space\"", "null", "1", "[\"" CLIENT "\"]"};
	for (size_t i = 0; i < sizeof odd_clients / sizeof *odd_clients; i++) {
		c = client_claims();
		c.client_id = odd_clients[i];
		refused(c);
	}
	static const char *const odd_versions[] = {"0", "-1", "\"3\"", "3.0", "2147483648", "null"};
	for (size_t i = 0; i < sizeof odd_versions / sizeof *odd_versions; i++) {
		c = client_claims();
		c.secret_version = odd_versions[i];
		refused(c);
	}
}

Test(authenticate, a_changed_token_is_refused_whatever_was_changed)
{
	struct str token = token_from(client_claims());
	for (size_t i = 0; i < token.n; i++) {
		if (token.p[i] == '.')
			continue;
		char *changed = arena_alloc(arena, token.n);
		memcpy(changed, token.p, token.n);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		refused_unasked(call_with(str_from(changed, token.n)), ERR_INVALID_TOKEN);
	}
	refused_unasked(call_with(str_from(token.p, token.n - 1)), ERR_INVALID_TOKEN);
}

/* The store's keys become those of another key, under the generation given. */
static void change_keys(uint64_t generation)
{
	struct signing_key *other = NULL;
	cr_assert_eq(signing_key_generate(JWT_ES256, &other), ERR_OK);
	keyset_free(store.keys);
	store.keys = keyset_of(other, generation);
	signing_key_free(other);
}

Test(authenticate, an_unknown_key_is_refused)
{
	change_keys(1);
	refused(client_claims());
}

Test(authenticate, without_keys_nobody_can_be_told_apart)
{
	struct keyset *keys = store.keys;
	store.keys = NULL;
	struct op *op = call_with(token_from(client_claims()));
	refused_unasked(op, ERR_STORE_UNAVAILABLE);
	cr_assert_str_eq(op->retry_after, "1");
	store.keys = keys;
}

/* That it isn't verified shows by a key set which could not: the memory counts as long as the
 * generation is the same. */
Test(authenticate, a_remembered_bearer_is_not_verified_again_but_asked_about_each_time)
{
	struct str bearer = token_from(client_claims());
	taken(call_with(bearer));
	change_keys(1);
	for (int i = 0; i < 3; i++) {
		struct op *op = call_with(bearer);
		taken(op);
		cr_assert_eq(store.calls, 1);
		cr_assert(str_eq(op->caller.client_id, STR(CLIENT)));
		cr_assert_eq(op->caller.secret_version, 3);
		fake_answer(&store, ERR_INVALID_TOKEN, NULL);
		answered(op, ERR_INVALID_TOKEN);
	}
}

Test(authenticate, a_key_that_left_takes_its_bearers_along)
{
	struct str bearer = token_from(client_claims());
	taken(call_with(bearer));
	change_keys(2);
	refused_unasked(call_with(bearer), ERR_INVALID_TOKEN);
}

Test(authenticate, a_remembered_bearer_expires_all_the_same)
{
	struct str bearer = token_from(operator_claims());
	taken(call_with(bearer));
	fake_clock_advance_us(INT64_C(3599) * 1000000);
	taken(call_with(bearer));
	fake_clock_advance_us(1000000);
	refused_unasked(call_with(bearer), ERR_INVALID_TOKEN);
}

Test(authenticate, a_refused_bearer_is_not_remembered)
{
	struct claims c = client_claims();
	c.nbf = "1767225601";
	struct str bearer = token_from(c);
	refused_unasked(call_with(bearer), ERR_INVALID_TOKEN);
	refused_unasked(call_with(bearer), ERR_INVALID_TOKEN);
	fake_clock_advance_us(1000000);
	taken(call_with(bearer));
}

Test(authenticate, a_refusal_is_counted_for_the_client_only_once_it_is_known)
{
	call_with(STR("stranger"));
	cr_assert_eq(store.denied, 1);
	cr_assert_str_eq(store.denied_client, "");
	call_with(token_from(client_claims()));
	fake_answer(&store, ERR_FORBIDDEN, NULL);
	cr_assert_eq(store.denied, 2);
	cr_assert_str_eq(store.denied_client, CLIENT);
	cr_assert_str_eq(store.denied_reason, "forbidden");
	call_with(STR_NONE);
	cr_assert_eq(store.denied, 2, "nobody tried anything");
}

Test(authenticate, bearers_are_never_logged)
{
	call_with(token_from(client_claims()));
	fake_answer(&store, ERR_FORBIDDEN, NULL);
	cr_assert_not_null(strstr(logged(), "\"outcome\":\"forbidden\""));
	cr_assert_null(strstr(logged(), "eyJ"), "how every token begins");
}
