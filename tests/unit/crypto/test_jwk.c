/* Single JWKs as somebody hostile, or an old library, might write them. */
#include <criterion/criterion.h>

#include "base/base64.h"
#include "crypto/signing_key_parts.h"
#include "crypto_test.h"

TestSuite(jwk, .init = crypto_up, .fini = crypto_down);

static enum err reads(enum jwt_alg alg, const char *jwk)
{
	struct signing_key *key = NULL;
	enum err err = signing_key_from_jwk(alg, str_of(jwk), &key);

	cr_assert_eq(err == ERR_OK, key != NULL, "%s", jwk);
	signing_key_free(key);
	return err;
}

/* The JWK with `more` before its closing brace. */
static const char *with(const char *jwk, const char *more)
{
	return arena_printf(arena, "%.*s,%s}", (int)strlen(jwk) - 1, jwk, more).p;
}

/* Any one of them gives an RSA key away: "p" is as good as "d". */
Test(jwk, each_private_member_is_refused)
{
	static const char *const members[] = {"\"d\":\"AQ\"",  "\"p\":\"AQ\"", "\"q\":\"AQ\"", "\"dp\":\"AQ\"", "\"dq\":\"AQ\"",
					      "\"qi\":\"AQ\"", "\"oth\":[{}]", "\"k\":\"AQ\"", "\"d\":\"\"",    "\"d\":null"};

	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		cr_expect_eq(reads(JWT_RS256, with(rfc7515_rsa_jwk, members[i])), ERR_MALFORMED, "%s", members[i]);
		cr_expect_eq(reads(JWT_PS256, with(rfc7515_rsa_jwk, members[i])), ERR_MALFORMED, "%s", members[i]);
		cr_expect_eq(reads(JWT_ES256, with(rfc7515_ec_jwk, members[i])), ERR_MALFORMED, "%s", members[i]);
		cr_expect_eq(reads(JWT_EDDSA, with(rfc8037_okp_jwk, members[i])), ERR_MALFORMED, "%s", members[i]);
	}
}

Test(jwk, members_that_say_nothing_about_the_key_are_ignored)
{
	static const char more[] = "\"kid\":\"x\",\"x5c\":[\"MIIC\"],\"x5t\":\"AA\",\"x5t#S256\":\"AA\",\"issuer\":\"https://i.example\"";

	cr_expect_eq(reads(JWT_RS256, with(rfc7515_rsa_jwk, more)), ERR_OK);
	cr_expect_eq(reads(JWT_PS256, with(rfc7515_rsa_jwk, more)), ERR_OK);
	cr_expect_eq(reads(JWT_ES256, with(rfc7515_ec_jwk, more)), ERR_OK);
	cr_expect_eq(reads(JWT_EDDSA, with(rfc8037_okp_jwk, more)), ERR_OK);
}

Test(jwk, a_key_is_read_for_its_own_type_curve_and_algorithm_only)
{
	const char *const jwks[JWT_ALG_COUNT] = {
		[JWT_RS256] = with(rfc7515_rsa_jwk, "\"alg\":\"RS256\""),
		[JWT_ES256] = with(rfc7515_ec_jwk, "\"alg\":\"ES256\""),
		[JWT_PS256] = with(rfc7515_rsa_jwk, "\"alg\":\"PS256\""),
		[JWT_EDDSA] = with(rfc8037_okp_jwk, "\"alg\":\"EdDSA\""),
	};

	for (enum jwt_alg said = 0; said < JWT_ALG_COUNT; said++)
		for (enum jwt_alg asked = 0; asked < JWT_ALG_COUNT; asked++)
			cr_expect_eq(reads(asked, jwks[said]), said == asked ? ERR_OK : ERR_MISMATCH, "%s asked for %s", jwt_alg_name(said),
				     jwt_alg_name(asked));
	/* without "alg" the type still decides */
	cr_expect_eq(reads(JWT_EDDSA, rfc7515_ec_jwk), ERR_MISMATCH);
	cr_expect_eq(reads(JWT_ES256, rfc8037_okp_jwk), ERR_MISMATCH);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed448\",\"x\":\"AA\"}"), ERR_MISMATCH);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
		     ERR_MISMATCH);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"EC\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"),
		     ERR_MISMATCH);
}

static const char *rsa(const char *n, const char *e)
{
	return arena_printf(arena, "{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"%s\"}", n, e).p;
}

/* base64url of `n` random bytes, the first and last of them 0xff: an odd number of exactly 8n
 * bits. */
static const char *number_of(size_t n)
{
	uint8_t *bytes = arena_alloc(arena, n);
	struct sbuf out = sbuf_in(arena, BASE64URL_LEN(n) + 1);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	bytes[0] = bytes[n - 1] = 0xff;
	sbuf_put_base64url(&out, str_from(bytes, n));
	return out.p;
}

static const char rfc7515_n[] =
	"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_"
	"YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uD"
	"Zlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

/* openssl prime -generate -bits 2048 */
static const char prime_2048[] =
	"4Vc51DnCeJam9fWmDcaJ76tFSF1CESctQSttkqqurpPTUrrK3pvE69xSD7Oe0auNNBdwqnMkw5tsLhxQm4FRjhA5DQn1y-_dZLJdz05FFYYW66fNzxwZtgv9"
	"zNAKgHkZlGyAGD4OlhgArhlH4d6vmuuNeq01hh3akhk2ch_H1jV1cxZvBEwvpuLbs5c3T1DdkUbOfBWYrESJMlXklJ1XtAi48uGiBTN2eq-hc1NlCgAAnZyx"
	"YJqANeXR63gfpQiPYs27cTcaHeq0h9Mv4xxn3Ez194sW5DlVsXLA_E_kmg8i_8EIuE1B6WXarGKBeNbqoE3mOxrMfqX4f7-QhKYXew";

/* openssl genrsa 1024 */
static const char rsa_1024[] =
	"oEybyhiGpa1mhKRLwZHvSc7U8YarO60Ue2KSq3gq7XBavx2aPnqMf-q-lXYUcbEk4SjlETR1W8gyVf8zawOVMFCyKAh8cUs1jQwZ_hxtmvkpj2VMm27eQGO8"
	"vXPSi2hQdyckjWin7_D6GKmgRyOpFUkWRUgvkx8Wy2pbJTzygks";

Test(jwk, rsa_keys_that_protect_nothing_are_refused)
{
	cr_assert_eq(reads(JWT_RS256, rsa(rfc7515_n, "AQAB")), ERR_OK);
	cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, "Aw")), ERR_OK, "65537 is a habit, 3 is allowed");
	cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, "AQ")), ERR_MISMATCH, "exponent 1: the signature is the padded digest itself");
	cr_expect_eq(reads(JWT_PS256, rsa(rfc7515_n, "AQ")), ERR_MISMATCH);
	cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, "AQAA")), ERR_MISMATCH, "even exponent");
	cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, "AA")), ERR_MALFORMED, "exponent 0");
	cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, "__________8")), ERR_OK, "an exponent of 64 bits");
	cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, "AQAAAAAAAAAB")), ERR_MISMATCH, "65 bits: work for whoever verifies");
	cr_expect_eq(reads(JWT_RS256, rsa(rsa_1024, "AQAB")), ERR_MISMATCH);
	cr_expect_eq(reads(JWT_PS256, rsa(rsa_1024, "AQAB")), ERR_MISMATCH);
	cr_expect_eq(reads(JWT_RS256, rsa(prime_2048, "AQAB")), ERR_MISMATCH, "a prime modulus: everybody knows phi");
	cr_expect_eq(reads(JWT_RS256, rsa(number_of(255), "AQAB")), ERR_MISMATCH, "2040 bits");
	cr_expect_neq(reads(JWT_RS256, rsa(number_of(513), "AQAB")), ERR_OK, "4104 bits");
	cr_expect_neq(reads(JWT_RS256, rsa(number_of(8192), "AQAB")), ERR_OK, "65536 bits");
}

/* RFC 7518 sections 2 and 6.2.1.2: one spelling for each number. */
Test(jwk, numbers_are_spelled_strictly)
{
	static const char *const exponents[] = {"AAEAAQ", "AQAB=", "AQAB==", " AQAB", "AQAB\\n", "AQ AB", "A", "AR", "AQAB\\u0000", ""};
	static const char *const coordinates[] = {
		"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU=", /* padded */
		"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV",  /* bits left over */
		"AH_Nzidw9sRdQYPL7m_bS3tYBzM1e-nvE7rPbjx70VRF", /* a leading zero */
		"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVA",   /* 31 bytes */
		"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\\n",
	};

	for (size_t i = 0; i < sizeof exponents / sizeof exponents[0]; i++)
		cr_expect_eq(reads(JWT_RS256, rsa(rfc7515_n, exponents[i])), ERR_MALFORMED, "%s", exponents[i]);
	cr_expect_eq(reads(JWT_RS256, rsa("AKH4FgriWw", "AQAB")), ERR_MALFORMED, "leading zero");
	for (size_t i = 0; i < sizeof coordinates / sizeof coordinates[0]; i++)
		cr_expect_eq(reads(JWT_ES256, arena_printf(arena,
							   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"x_FEzRu9m36HLN_"
							   "tue659LNpXW6pCyStikYjKIWI5a0\"}",
							   coordinates[i])
						      .p),
			     ERR_MALFORMED, "%s", coordinates[i]);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"}"),
		     ERR_MALFORMED);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}"),
		     ERR_MALFORMED);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":1}"), ERR_MALFORMED);
	cr_expect_eq(reads(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\"}"), ERR_MALFORMED);
}

/* The point whose x is 0 lies on the curve; x + p spells the same number in 32 bytes again. */
Test(jwk, a_p256_coordinate_above_the_field_is_refused)
{
#define POINT(x) "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" x "\",\"y\":\"ZkhceA4vg9ckM71dhKBrtlQcKvMdrocXKL-FahdPk_Q\"}"
	cr_assert_eq(reads(JWT_ES256, POINT("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")), ERR_OK);
	cr_expect_eq(reads(JWT_ES256, POINT("_____wAAAAEAAAAAAAAAAAAAAAD_______________8")), ERR_MISMATCH);
#undef POINT
}

/* Under the neutral element R = S * B holds for every text: OpenSSL takes S = 0 with R = 1 as
 * anybody's signature of anything. */
Test(jwk, ed25519_points_of_small_order_are_refused)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	for (size_t i = 0; i < 2 * (sizeof points / sizeof points[0]); i++) {
		struct sbuf jwk = sbuf_in(arena, 128);
		uint8_t point[32];

		memcpy(point, unhex(points[i / 2]).p, sizeof point);
		point[31] |= i % 2 == 0 ? 0 : 0x80; /* the sign of x */
		sbuf_putz(&jwk, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"");
		sbuf_put_base64url(&jwk, str_from(point, sizeof point));
		sbuf_putz(&jwk, "\"}");
		cr_expect_eq(reads(JWT_EDDSA, jwk.p), ERR_MISMATCH, "%s", jwk.p);
	}
}
