#include <criterion/criterion.h>

#include "jwt_test.h"
#include "json/json_read.h"

TestSuite(jwt_libjwt, .init = jwt_up, .fini = jwt_down);

static struct str minted(struct signing_key *key, const char *claims)
{
	struct sbuf out = sbuf_in(arena, 1024);

	cr_assert_eq(jwt_sign_libjwt(key, str_of(claims), &out), ERR_OK);
	return sbuf_str(&out);
}

Test(jwt_libjwt, each_verifies_what_the_other_signs)
{
	/* so often that in two runs of three ECDSA numbers with leading zero bytes come by (one
	 * signature in 128); test_ecdsa_form.c has them always */
	static const int rounds[JWT_ALG_COUNT] = {[JWT_RS256] = 5, [JWT_ES256] = 150};

	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		char claims[64];

		for (int i = 0; i < rounds[alg]; i++) {
			arena_reset(arena);
			struct sbuf c = sbuf_fixed(claims, sizeof claims);
			sbuf_printf(&c, "{\"jti\":\"%d\"}", i);
			struct str theirs = minted(keys[alg], claims);
			struct str ours = signed_token(keys[alg], false, claims);
			struct jwt of_theirs = parsed(theirs), of_ours = parsed(ours);
			cr_assert_eq(jwt_verify(keys[alg], &of_theirs), ERR_OK, "%.*s", STR_ARG(theirs));
			cr_assert_eq(jwt_verify_libjwt(keys[alg], &of_theirs), ERR_OK, "%.*s", STR_ARG(theirs));
			cr_assert_eq(jwt_verify_libjwt(keys[alg], &of_ours), ERR_OK, "%.*s", STR_ARG(ours));
		}
	}
}

Test(jwt_libjwt, both_verify_the_examples_of_rfc_7515)
{
	static const enum jwt_alg algs[] = {JWT_RS256, JWT_ES256};

	for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
		struct jwt example = taken_apart(algs[i], known_tokens[algs[i]].token);
		struct str changed = arena_copy(arena, example.token);
		char *last_claim = (char *)(uintptr_t)changed.p + example.signing_input.n - 1;
		struct signing_key *key;

		cr_assert_eq(signing_key_from_jwk(algs[i], str_of(known_tokens[algs[i]].jwk), &key), ERR_OK);
		cr_assert_eq(jwt_verify(key, &example), ERR_OK);
		cr_assert_eq(jwt_verify_libjwt(key, &example), ERR_OK);
		*last_claim ^= 1;
		example = taken_apart(algs[i], changed.p);
		cr_assert_eq(jwt_verify(key, &example), ERR_MISMATCH);
		cr_assert_eq(jwt_verify_libjwt(key, &example), ERR_MISMATCH);
		signing_key_free(key);
	}
}

/* libjwt knows neither: what it is asked goes to jwt_verify, and what it would mint to jwt_sign. */
Test(jwt_libjwt, ps256_and_eddsa_are_minted_and_verified_although_libjwt_knows_neither)
{
	static const enum jwt_alg algs[] = {JWT_PS256, JWT_EDDSA};

	for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
		struct jwt example = taken_apart(algs[i], known_tokens[algs[i]].token);
		struct jwt ours = parsed(minted(keys[algs[i]], CLAIMS));
		struct signing_key *key;

		cr_assert_eq(signing_key_from_jwk(algs[i], str_of(known_tokens[algs[i]].jwk), &key), ERR_OK);
		cr_assert_eq(jwt_verify_libjwt(key, &example), ERR_OK);
		cr_assert_eq(jwt_verify_libjwt(key, &ours), ERR_MISMATCH);
		cr_assert_eq(jwt_verify_libjwt(keys[algs[i]], &ours), ERR_OK);
		cr_assert_eq(jwt_verify(keys[algs[i]], &ours), ERR_OK);
		cr_assert(str_eq(ours.claims, STR(CLAIMS)));
		signing_key_free(key);
	}
}

Test(jwt_libjwt, a_minted_token_has_our_header_and_its_claims)
{
	struct jwt jwt = parsed(minted(keys[JWT_RS256], CLAIMS));
	int64_t exp;
	struct str first;

	cr_assert_eq(jwt.alg, JWT_RS256);
	cr_assert(str_eq(jwt.kid, signing_key_kid(keys[JWT_RS256])));
	cr_assert(str_eq(jwt.typ, STR("JWT")));
	cr_assert_eq(json_integer(json_get(jwt.claims_json, "exp"), 0, INT64_MAX, &exp), ERR_OK);
	cr_assert_eq(exp, 4102444800);
	cr_assert_eq(json_string(json_get(jwt.claims_json, "aud")->child, &first), ERR_OK);
	cr_assert(str_eq(first, STR("a")));
}

Test(jwt_libjwt, both_give_the_same_answer_to_every_changed_character)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct str token = signed_token(keys[alg], false, "{\"sub\":\"a\"}");
		char *text = arena_alloc(arena, token.n);
		int held = 0;

		for (size_t i = 0; i < token.n; i++) {
			struct arena *a = arena_new(65536);
			struct jwt jwt;

			memcpy(text, token.p, token.n);
			text[i] = text[i] == 'A' ? 'B' : 'A';
			if (jwt_parse(a, str_from(text, token.n), &jwt) == ERR_OK) {
				cr_assert_eq(jwt_verify(keys[alg], &jwt), ERR_MISMATCH, "character %zu", i);
				cr_assert_eq(jwt_verify_libjwt(keys[alg], &jwt), ERR_MISMATCH, "character %zu", i);
				held++;
			}
			arena_free(a);
		}
		cr_assert_gt(held, 80); /* all of the signature, at least */
	}
}

Test(jwt_libjwt, another_key_or_another_algorithm_does_not_verify)
{
	struct jwt es = parsed(signed_token(keys[JWT_ES256], false, "{}"));
	struct jwt confused = parsed(token_of(keys[JWT_ES256], STR("{\"alg\":\"RS256\",\"kid\":\"k\"}"), STR("{}")));
	struct signing_key *other;

	cr_assert_eq(signing_key_generate(JWT_ES256, &other), ERR_OK);
	cr_assert_eq(jwt_verify_libjwt(other, &es), ERR_MISMATCH);
	cr_assert_eq(jwt_verify_libjwt(keys[JWT_RS256], &es), ERR_MISMATCH);
	cr_assert_eq(jwt_verify_libjwt(keys[JWT_RS256], &confused), ERR_MISMATCH);
	cr_assert_eq(jwt_verify_libjwt(keys[JWT_ES256], &confused), ERR_MISMATCH);
	signing_key_free(other);
}

Test(jwt_libjwt, an_access_token_type_is_verified_although_libjwt_refuses_it)
{
	struct jwt good = parsed(signed_token(keys[JWT_ES256], true, "{}"));
	struct signing_key *other;

	cr_assert_eq(jwt_verify_libjwt(keys[JWT_ES256], &good), ERR_OK);
	cr_assert_eq(signing_key_generate(JWT_ES256, &other), ERR_OK);
	cr_assert_eq(jwt_verify_libjwt(other, &good), ERR_MISMATCH);
	signing_key_free(other);
}

Test(jwt_libjwt, a_token_without_typ_is_verified)
{
	struct jwt jwt = parsed(token_of(keys[JWT_ES256], STR("{\"alg\":\"ES256\",\"kid\":\"k\"}"), STR("{}")));

	cr_assert_eq(jwt_verify_libjwt(keys[JWT_ES256], &jwt), ERR_OK);
}

Test(jwt_libjwt, what_can_not_be_minted_leaves_the_text_alone)
{
	struct signing_key *public;
	char bytes[1024], many[JWT_MAX_LEN + 1];
	struct sbuf out = sbuf_fixed(bytes, sizeof bytes), tight;

	memset(many, ' ', sizeof many);
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, str_of(rfc7515_ec_jwk), &public), ERR_OK);
	cr_assert_eq(jwt_sign_libjwt(public, STR("{}"), &out), ERR_CRYPTO);
	cr_assert_eq(jwt_sign_libjwt(keys[JWT_ES256], STR("no json"), &out), ERR_CRYPTO);
	cr_assert_eq(jwt_sign_libjwt(keys[JWT_ES256], STR("{}\0{}"), &out), ERR_MALFORMED);
	cr_assert_eq(jwt_sign_libjwt(keys[JWT_ES256], str_from(many, sizeof many), &out), ERR_TOO_LARGE);
	cr_assert_eq(out.n, 0);
	signing_key_free(public);

	tight = sbuf_fixed(bytes, 64);
	cr_assert_eq(jwt_sign_libjwt(keys[JWT_ES256], STR("{}"), &tight), ERR_TOO_LARGE);
}
