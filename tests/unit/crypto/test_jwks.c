/* Key sets as the big issuers publish them, and as nobody should. */
#include <criterion/criterion.h>

#include "base/sbuf.h"
#include "crypto/jwks.h"
#include "crypto/signing_key_parts.h"
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
		key(JWT_RS256, ""),
		key(JWT_RS256, ",\"kid\":\"\""),
		key(JWT_RS256, ",\"kid\":7"),
		key(JWT_RS256, ",\"kid\":\"k\",\"d\":\"AQAB\""),
		key(JWT_ES256, ",\"kid\":\"k\",\"d\":\"AQAB\""),
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
				   "{\"keys\":\"x\"}"};
	struct jwks *set = NULL;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(jwks_parse(str_of(bad[i]), &set, NULL), ERR_MALFORMED, "%s", bad[i]);
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
