/* Key sets as the big issuers publish them, and as nobody should. */
#include <criterion/criterion.h>

#include "base/sbuf.h"
#include "crypto/jwks.h"
#include "crypto/signing_key_parts.h"
#include "failing_memory.h"
#include "jwt_test.h"

TestSuite(jwks, .init = jwt_up, .fini = jwt_down);

/* The members of key `alg`'s public JWK, without braces, alg, use and kid. */
static const char *members(enum jwt_alg alg)
{
	struct sbuf jwk = sbuf_in(arena, 2048);
	cr_assert_eq(signing_key_public_jwk(keys[alg], &jwk), ERR_OK);
	const char *end = strstr(jwk.p, ",\"alg\":");
	cr_assert_not_null(end);
	return arena_printf(arena, "%.*s", (int)(end - jwk.p - 1), jwk.p + 1).p;
}

static const char *key(enum jwt_alg alg, const char *more)
{
	return arena_printf(arena, "{%s%s}", members(alg), more).p;
}

#define set_of(...) set_of_keys((const char *const[]){__VA_ARGS__, NULL})
static struct str set_of_keys(const char *const *list)
{
	struct sbuf out = sbuf_in(arena, 8192);
	sbuf_putz(&out, "{\"keys\":[");
	for (size_t i = 0; list[i] != NULL; i++)
		sbuf_printf(&out, "%s%s", i > 0 ? "," : "", list[i]);
	sbuf_putz(&out, "]}");
	return sbuf_str(&out);
}

static struct jwks *parsed_set(struct str text, size_t want, unsigned want_skipped)
{
	struct jwks *set = NULL;
	unsigned skipped = 99;
	cr_assert_eq(jwks_parse(text, &set, &skipped), ERR_OK, "%.*s", STR_ARG(text));
	cr_assert_eq(jwks_count(set), want, "%zu of %.*s", jwks_count(set), STR_ARG(text));
	cr_assert_eq(skipped, want_skipped);
	return set;
}

static void verifies(struct jwks *set, const char *kid, enum jwt_alg alg)
{
	struct signing_key *found = jwks_find(set, str_of(kid));
	uint8_t signature[SIGNATURE_MAX];
	size_t n = 0;
	cr_assert_not_null(found, "%s", kid);
	cr_assert_eq(signing_key_alg(found), alg);
	cr_assert_eq(signing_key_sign(keys[alg], STR("text"), signature, &n), ERR_OK);
	cr_assert_eq(signing_key_verify(found, STR("text"), str_from(signature, n)), ERR_OK);
}

Test(jwks, keys_are_found_by_the_name_that_the_set_gives_them)
{
	struct jwks *set = parsed_set(set_of(key(JWT_RS256, ",\"alg\":\"RS256\",\"use\":\"sig\",\"kid\":\"a\""),
					     key(JWT_ES256, ",\"alg\":\"ES256\",\"kid\":\"b/../c\""),
					     key(JWT_PS256, ",\"alg\":\"PS256\",\"kid\":\"c\""),
					     key(JWT_EDDSA, ",\"alg\":\"EdDSA\",\"kid\":\"d\",\"key_ops\":[\"verify\"]")),
				      4, 0);
	verifies(set, "a", JWT_RS256);
	verifies(set, "b/../c", JWT_ES256);
	verifies(set, "c", JWT_PS256);
	verifies(set, "d", JWT_EDDSA);
	cr_assert_null(jwks_find(set, STR("A")));
	cr_assert_null(jwks_find(set, STR("")));
	cr_assert_null(jwks_find(set, signing_key_kid(keys[JWT_RS256])));
	jwks_free(set);
}

Test(jwks, sets_shaped_like_auth0_s_keycloak_s_and_entra_id_s_are_understood)
{
	struct jwks *auth0 = parsed_set(
		set_of(key(JWT_RS256, ",\"use\":\"sig\",\"kid\":\"NzA\",\"x5t\":\"abc\",\"x5c\":[\"MIIDDTCC\"],\"alg\":\"RS256\"")), 1, 0);
	verifies(auth0, "NzA", JWT_RS256);
	jwks_free(auth0);
	struct jwks *keycloak =
		parsed_set(set_of(key(JWT_RS256, ",\"kid\":\"enc\",\"alg\":\"RSA-OAEP\",\"use\":\"enc\",\"x5t#S256\":\"x\""),
				  key(JWT_ES256, ",\"kid\":\"sig\",\"alg\":\"ES256\",\"use\":\"sig\"")),
			   1, 1);
	verifies(keycloak, "sig", JWT_ES256);
	cr_assert_null(jwks_find(keycloak, STR("enc")));
	jwks_free(keycloak);
	struct jwks *entra = parsed_set(
		set_of(key(JWT_RS256, ",\"use\":\"sig\",\"kid\":\"e\",\"cloud_instance_name\":\"x\",\"issuer\":\"https://x/{tenantid}\"")),
		1, 0);
	verifies(entra, "e", JWT_RS256);
	jwks_free(entra);
}

/* Google and Cognito publish two or more keys at once, so that a token of the key before still
 * verifies. */
Test(jwks, every_key_of_a_set_in_rotation_verifies_its_own_tokens)
{
	const char *const sets[][2] = {
		{key(JWT_RS256, ",\"use\":\"sig\",\"alg\":\"RS256\",\"kid\":\"6f40be93\""),
		 key(JWT_PS256, ",\"kid\":\"a50f6e70\",\"alg\":\"PS256\",\"use\":\"sig\"")},
		{key(JWT_RS256, ",\"alg\":\"RS256\",\"kid\":\"nPzF+/Q8k=\",\"use\":\"sig\""),
		 key(JWT_PS256, ",\"alg\":\"PS256\",\"kid\":\"nPzF+/Q8K=\",\"use\":\"sig\"")},
	};
	static const char *const kids[][2] = {{"6f40be93", "a50f6e70"}, {"nPzF+/Q8k=", "nPzF+/Q8K="}};

	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		struct jwks *set = parsed_set(set_of(sets[i][0], sets[i][1]), 2, 0);
		verifies(set, kids[i][0], JWT_RS256);
		verifies(set, kids[i][1], JWT_PS256);
		jwks_free(set);
	}
}

Test(jwks, a_key_without_alg_verifies_its_type_s_plain_algorithm_only)
{
	struct jwks *set = parsed_set(
		set_of(key(JWT_RS256, ",\"kid\":\"r\""), key(JWT_ES256, ",\"kid\":\"e\""), key(JWT_EDDSA, ",\"kid\":\"o\"")), 3, 0);
	verifies(set, "r", JWT_RS256);
	verifies(set, "e", JWT_ES256);
	verifies(set, "o", JWT_EDDSA);
	struct jwt says_ps256 = parsed(token_of(keys[JWT_RS256], STR("{\"alg\":\"PS256\",\"kid\":\"r\"}"), STR("{}")));
	cr_assert_eq(jwt_verify(jwks_find(set, STR("r")), &says_ps256), ERR_MISMATCH);
	jwks_free(set);
}

#define KID_128                                                                                                                            \
	"12345678901234567890123456789012345678901234567890123456789012341234567890123456789012345678901234567890123456789012345678901234"
#define KID_129 KID_128 "5"

Test(jwks, the_longest_kid_is_kept_whole)
{
	struct jwks *set = parsed_set(set_of(key(JWT_ES256, ",\"kid\":\"" KID_128 "\"")), 1, 0);
	verifies(set, KID_128, JWT_ES256);
	cr_assert_null(jwks_find(set, str_from(KID_128, 127)));
	cr_assert_null(jwks_find(set, STR(KID_129)));
	jwks_free(set);
}

/* What is skipped takes no name, and one key twice is still two under one name. */
Test(jwks, only_two_usable_keys_contend_for_a_kid)
{
	struct jwks *set = parsed_set(set_of(key(JWT_RS256, ",\"kid\":\"k\",\"use\":\"enc\""), key(JWT_ES256, ",\"kid\":\"k\""),
					     key(JWT_PS256, ",\"kid\":\"k\",\"alg\":\"RSA-OAEP\"")),
				      1, 2);
	verifies(set, "k", JWT_ES256);
	jwks_free(set);
	set = NULL;
	unsigned skipped = 99;
	const char *twice = key(JWT_ES256, ",\"kid\":\"k\"");
	cr_assert_eq(jwks_parse(set_of(twice, twice), &set, &skipped), ERR_MALFORMED);
	cr_assert_null(set);
	cr_assert_eq(skipped, 99);
}

Test(jwks, keys_that_can_t_be_meant_are_skipped)
{
	const char *const skipped[] = {
		key(JWT_RS256, ",\"kid\":\"k\",\"use\":\"enc\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"use\":1"),
		key(JWT_RS256, ",\"kid\":\"k\",\"key_ops\":[\"sign\"]"),
		key(JWT_RS256, ",\"kid\":\"k\",\"key_ops\":\"verify\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"alg\":\"HS256\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"alg\":\"none\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"alg\":\"RS512\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"alg\":\"ES256\""),
		key(JWT_ES256, ",\"kid\":\"k\",\"alg\":\"RS256\""),
		key(JWT_EDDSA, ",\"kid\":\"k\",\"alg\":\"ES256\""),
		key(JWT_RS256, ",\"kid\":null"),
		key(JWT_RS256, ",\"kid\":\"\""),
		key(JWT_RS256, ",\"kid\":7"),
		key(JWT_RS256, ",\"kid\":\"k\",\"d\":\"AQAB\""),
		key(JWT_ES256, ",\"kid\":\"k\",\"d\":\"AQAB\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"p\":\"AQAB\""),
		key(JWT_RS256, ",\"kid\":\"k\",\"key_ops\":[]"),
		key(JWT_RS256, ",\"kid\":\"k\",\"use\":\"sig\",\"key_ops\":[\"encrypt\",\"wrapKey\"]"),
		key(JWT_RS256, ",\"kid\":\"k\",\"use\":\"enc\",\"key_ops\":[\"verify\"]"),
		key(JWT_RS256, ",\"kid\":\"k\",\"alg\":null"),
		key(JWT_RS256, ",\"kid\":\"" KID_129 "\""),
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"k\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		"{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"kid\":\"k\",\"x\":\"AA\"}",
		"[[]]",
		"{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T\"}",
		"{\"kty\":\"oct\",\"kid\":\"k\",\"alg\":\"RS256\",\"k\":\"AyM1\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"kid\":\"k\",\"x\":\"AA\",\"y\":\"AA\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\",\"x\":\"AQ\",\"y\":\"AQ\"}",
		"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"kid\":\"k\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
		"{\"kty\":\"RSA\",\"kid\":\"k\",\"n\":\"AQAB\",\"e\":\"AQAB\"}",
		"{\"kty\":\"RSA\",\"kid\":\"k\"}",
		"{\"kty\":\"rsa\",\"kid\":\"k\"}",
		"{}",
		"7",
		"null",
	};
	const char *good = key(JWT_ES256, ",\"kid\":\"good\"");
	for (size_t i = 0; i < sizeof skipped / sizeof *skipped; i++) {
		struct jwks *set = NULL;
		unsigned n = 0;
		cr_assert_eq(jwks_parse(set_of(skipped[i], good), &set, &n), ERR_OK, "%s", skipped[i]);
		cr_expect(jwks_count(set) == 1 && n == 1, "%s", skipped[i]);
		cr_expect_null(jwks_find(set, STR("k")), "%s", skipped[i]);
		cr_expect_not_null(jwks_find(set, STR("good")), "%s", skipped[i]);
		jwks_free(set);
	}
}

Test(jwks, what_is_no_key_set_is_refused)
{
	const char *const bad[] = {"",
				   "{}",
				   "[]",
				   "{\"keys\":{}}",
				   "{\"keys\":[]",
				   "{\"keys\":[]}{}",
				   "{\"keys\":[],\"keys\":[]}",
				   "null",
				   "<html>",
				   "{\"keys\":\"x\"}",
				   "{\"keys\":[{\"kid\":\"a\\u0000\"}]}",
				   "{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}",
				   "{\"keys\":[]/**/}",
				   "\xef\xbb\xbf{\"keys\":[]}"};
	struct jwks *set = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(jwks_parse(str_of(bad[i]), &set, NULL), ERR_MALFORMED, "%s", bad[i]);
	cr_expect_eq(jwks_parse(STR_NONE, &set, NULL), ERR_MALFORMED);
	cr_expect_eq(jwks_parse(STR("{\"keys\":[]}\0"), &set, NULL), ERR_MALFORMED);
	cr_expect_eq(jwks_parse(set_of(key(JWT_RS256, ",\"kid\":\"k\""), key(JWT_ES256, ",\"kid\":\"k\"")), &set, NULL), ERR_MALFORMED,
		     "which of two?");
	cr_assert_null(set);
	set = parsed_set(STR("{\"keys\":[]}"), 0, 0);
	jwks_free(set);
	jwks_free(NULL);
}

Test(jwks, a_set_without_end_is_too_large)
{
	struct jwks *set = NULL;
	char *text = arena_alloc(arena, JWKS_TEXT_MAX + 64);
	memset(text, ' ', JWKS_TEXT_MAX + 64);
	memcpy(text, "{\"keys\":[]}", 11);
	cr_expect_eq(jwks_parse(str_from(text, JWKS_TEXT_MAX + 1), &set, NULL), ERR_TOO_LARGE);
	cr_assert_eq(jwks_parse(str_from(text, JWKS_TEXT_MAX), &set, NULL), ERR_OK);
	jwks_free(set);
	set = NULL;
	struct sbuf out = sbuf_in(arena, 65536);
	sbuf_putz(&out, "{\"keys\":[");
	for (int i = 0; i <= JWKS_KEYS_MAX; i++)
		sbuf_printf(&out, "%s{%s,\"kid\":\"k%d\"}", i > 0 ? "," : "", members(JWT_EDDSA), i);
	sbuf_putz(&out, "]}");
	cr_expect_eq(jwks_parse(sbuf_str(&out), &set, NULL), ERR_TOO_LARGE);
	cr_expect_null(set);
}

/* The bound on text must hold for what is inside of strings, and the one on values before any
 * key is made. */
Test(jwks, a_set_within_the_limits_is_read_whatever_fills_it)
{
	struct sbuf out = sbuf_in(arena, 2 * JWKS_TEXT_MAX);
	sbuf_printf(&out, "{\"keys\":[{%s,\"kid\":\"k\",\"x5c\":[\"", members(JWT_ES256));
	while (out.n + 6 + 5 <= JWKS_TEXT_MAX)
		sbuf_putz(&out, "\\u00e9");
	sbuf_putz(&out, "\"]}]}");
	struct jwks *set = parsed_set(sbuf_str(&out), 1, 0);
	verifies(set, "k", JWT_ES256);
	jwks_free(set);

	out = sbuf_in(arena, JWKS_TEXT_MAX);
	sbuf_putz(&out, "{\"keys\":[],\"more\":[0");
	for (int i = 0; i < 5000; i++)
		sbuf_putz(&out, ",0");
	sbuf_putz(&out, "]}");
	set = NULL;
	cr_expect_eq(jwks_parse(sbuf_str(&out), &set, NULL), ERR_TOO_LARGE);
	cr_expect_null(set);

	out = sbuf_in(arena, 32768);
	sbuf_putz(&out, "{\"keys\":[");
	for (int i = 0; i < JWKS_KEYS_MAX; i++)
		sbuf_printf(&out, "%s{%s,\"kid\":\"k%d\"}", i > 0 ? "," : "", members(JWT_EDDSA), i);
	sbuf_putz(&out, "]}");
	set = parsed_set(sbuf_str(&out), JWKS_KEYS_MAX, 0);
	verifies(set, "k0", JWT_EDDSA);
	verifies(set, "k63", JWT_EDDSA);
	jwks_free(set);
}

Test(jwks, a_token_without_kid_gets_the_keys_of_its_algorithm)
{
	struct signing_key *found[2] = {NULL};
	struct jwks *set = parsed_set(set_of(key(JWT_ES256, ",\"kid\":\"a\""), key(JWT_ES256, ""), key(JWT_ES256, ""), key(JWT_RS256, ""),
					     key(JWT_PS256, ",\"alg\":\"PS256\"")),
				      5, 0);
	cr_expect_eq(jwks_of_alg(set, JWT_EDDSA, found, 2), 0);
	cr_expect_null(found[0]);
	cr_expect_eq(jwks_of_alg(set, JWT_PS256, found, 2), 1);
	cr_expect_eq(signing_key_alg(found[0]), JWT_PS256);
	cr_expect_eq(jwks_of_alg(set, JWT_RS256, found, 2), 1);
	cr_expect_eq(signing_key_alg(found[0]), JWT_RS256);
	cr_expect_eq(jwks_of_alg(set, JWT_ES256, found, 2), 3, "more than there is room for");
	cr_expect(found[0] != found[1] && signing_key_alg(found[1]) == JWT_ES256);
	cr_expect_null(jwks_find(set, STR("")), "a key without kid has no empty one");
	cr_expect_null(jwks_find(set, STR_NONE));
	jwks_free(set);
}

/* Else it would be kept until the issuer changes it. */
Test(jwks, a_set_is_read_whole_or_there_was_no_memory_for_it)
{
	struct str text = set_of(key(JWT_RS256, ",\"kid\":\"a\""), key(JWT_ES256, ",\"kid\":\"b\""), key(JWT_EDDSA, ",\"kid\":\"c\""));
	bool failed = true;
	for (unsigned before = 0; failed; before += 29) {
		struct jwks *set = NULL;
		memory_fail_after(before);
		enum err err = jwks_parse(text, &set, NULL);
		failed = memory_end();
		cr_assert_eq(err, failed ? ERR_NO_MEMORY : ERR_OK, "behind %u allocations: %s", before, err_info(err)->code);
		cr_assert_eq(set == NULL, failed);
		jwks_free(set);
	}
}
