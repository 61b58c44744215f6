#include <criterion/criterion.h>

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "base/starved.h"
#include "crypto/jwt.h"
#include "crypto/signing_context.h"
#include "crypto/signing_key_parts.h"
#include "crypto_test.h"
#include "failing_memory.h"
#include "fakes/private_key.h"
#include "json/json_read.h"

#define P256_POINT_LEN 65 /* stands at the end of a P-256 key's PKCS#8 DER */

TestSuite(signing_key, .init = crypto_up, .fini = crypto_down);

static struct signing_key *generated(enum jwt_alg alg)
{
	struct signing_key *key;

	cr_assert_eq(signing_key_generate(alg, &key), ERR_OK);
	return key;
}

static struct str jwk_of(const struct signing_key *key)
{
	struct sbuf out = sbuf_in(arena, 256);

	cr_assert_eq(signing_key_public_jwk(key, &out), ERR_OK);
	return sbuf_str(&out);
}

static bool verifies(struct signing_key *by, struct signing_key *made_by)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t n;

	cr_assert_eq(signing_key_sign(made_by, STR("text"), signature, &n), ERR_OK);
	cr_assert_eq(signing_key_verify(by, STR("texu"), str_from(signature, n)), ERR_MISMATCH);
	return signing_key_verify(by, STR("text"), str_from(signature, n)) == ERR_OK;
}

Test(signing_key, algorithms_have_their_registered_names)
{
	enum jwt_alg alg = JWT_ES256;

	cr_assert_str_eq(jwt_alg_name(JWT_RS256), "RS256");
	cr_assert_eq(jwt_alg_of(STR("RS256"), &alg), ERR_OK);
	cr_assert_eq(alg, JWT_RS256);
	cr_assert_eq(jwt_alg_of(STR("ES256"), &alg), ERR_OK);
	cr_assert_eq(alg, JWT_ES256);
	cr_assert_eq(jwt_alg_of(STR("rs256"), &alg), ERR_NOT_PRESENT);
	cr_assert_eq(jwt_alg_of(STR("none"), &alg), ERR_NOT_PRESENT);
	cr_assert_eq(jwt_alg_of(STR(""), &alg), ERR_NOT_PRESENT);
	cr_assert_eq(jwt_alg_of(STR_NONE, &alg), ERR_NOT_PRESENT);
	cr_assert_eq(alg, JWT_ES256);
}

Test(signing_key, no_kid_begins_as_an_option_of_a_command_does)
{
	for (int i = 0; i < 400; i++) { /* one in 64 would */
		struct signing_key *key = generated(JWT_EDDSA);
		cr_assert_neq(signing_key_kid(key).p[0], '-');
		signing_key_free(key);
	}
}

Test(signing_key, a_key_survives_der_and_jwk)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *key = generated(alg), *again, *public;
		struct str der;

		cr_assert_eq(signing_key_to_der(key, arena, &der), ERR_OK);
		cr_assert_eq(signing_key_from_der(alg, der, &again), ERR_OK);
		cr_assert_eq(signing_key_from_jwk(alg, jwk_of(key), &public), ERR_OK);
		cr_assert(str_eq(signing_key_kid(again), signing_key_kid(key)));
		cr_assert(str_eq(signing_key_kid(public), signing_key_kid(key)));
		cr_assert(str_eq(jwk_of(public), jwk_of(key)));
		cr_assert(verifies(public, again));
		cr_assert(verifies(key, again));
		cr_assert(signing_key_is_private(again));
		cr_assert_not(signing_key_is_private(public));
		cr_assert_eq(signing_key_alg(public), alg);
		signing_key_free(public);
		signing_key_free(again);
		signing_key_free(key);
	}
}

Test(signing_key, a_public_key_neither_signs_nor_exports)
{
	struct signing_key *key;
	uint8_t signature[SIGNATURE_MAX];
	struct str der = STR("untouched");
	size_t n;

	cr_assert_eq(signing_key_from_jwk(JWT_ES256, str_of(rfc7515_ec_jwk), &key), ERR_OK);
	cr_assert_eq(signing_key_sign(key, STR("text"), signature, &n), ERR_NOT_PRESENT);
	cr_assert_eq(signing_key_to_der(key, arena, &der), ERR_NOT_PRESENT);
	cr_assert(str_eq(der, STR("untouched")));
	signing_key_free(key);
}

static void has_kid(enum jwt_alg alg, const char *jwk, const char *kid)
{
	struct signing_key *key;

	cr_assert_eq(signing_key_from_jwk(alg, str_of(jwk), &key), ERR_OK);
	cr_assert(str_eq(signing_key_kid(key), str_of(kid)), "%.*s", STR_ARG(signing_key_kid(key)));
	signing_key_free(key);
}

/* The first is RFC 7638 section 3.1, whose thumbprint is
 * NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs. The others, python3:
 *   base64.urlsafe_b64encode(hashlib.sha256(json.dumps({"crv": "P-256", "kty": "EC", "x": ...,
 *   "y": ...}, separators=(',', ':')).encode())
 *   .digest())[:16]     and with {"e": "AQAB", "kty": "RSA", "n": ...} */
Test(signing_key, the_kid_is_the_rfc_7638_thumbprints_start)
{
	has_kid(JWT_RS256,
		"{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"
		"BJECPebWKRXjBZC"
		"iFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
		"FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5haj"
		"rn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":"
		"\"AQAB\","
		"\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
		"NzbLsXh8uDCcd-6M");
	has_kid(JWT_RS256, rfc7515_rsa_jwk, "IsUn6_e04MaShXFI");
	has_kid(JWT_ES256, rfc7515_ec_jwk, "oKIywvGUpTVTyxMQ");
}

Test(signing_key, the_public_jwk_has_what_verifiers_look_for_and_nothing_private)
{
	static const char *const members[] = {"kty", "alg", "use", "kid", "x", "y", "crv"};
	struct signing_key *key = generated(JWT_ES256);
	const struct json *jwk;
	struct str text;
	int n = 0;

	cr_assert_eq(json_parse(arena, jwk_of(key), (struct json_limits){.max_depth = 1, .max_values = 16}, &jwk), ERR_OK);
	for (const struct json *member = jwk->child; member != NULL; member = member->next)
		n++;
	cr_assert_eq(n, sizeof members / sizeof members[0]);
	for (int i = 0; i < n; i++)
		cr_assert_eq(json_string(json_get(jwk, members[i]), &text), ERR_OK, "%s", members[i]);
	cr_assert_eq(json_string(json_get(jwk, "kid"), &text), ERR_OK);
	cr_assert(str_eq(text, signing_key_kid(key)));
	cr_assert_eq(json_string(json_get(jwk, "use"), &text), ERR_OK);
	cr_assert(str_eq(text, STR("sig")));
	signing_key_free(key);
}

static void jwk_gives(enum jwt_alg alg, const char *jwk, enum err want)
{
	struct signing_key *key = NULL;

	cr_assert_eq(signing_key_from_jwk(alg, str_of(jwk), &key), want, "%s", jwk);
	cr_assert_null(key);
}

#define EC_X "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\""
#define EC_Y "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""

Test(signing_key, damaged_jwks_are_refused)
{
	jwk_gives(JWT_ES256, "", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "[]", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":1," EC_X "," EC_Y "}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\"," EC_X "," EC_Y "}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X ",\"y\":\"AAAA\"}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"d\":\"AQ\"}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_X "," EC_Y "}", ERR_MALFORMED);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"alg\":1}", ERR_MALFORMED);
	/* whatever gives the private key away */
	jwk_gives(JWT_ES256, "{\"kty\":\"oct\",\"k\":\"AAAA\"}", ERR_MALFORMED);
	jwk_gives(JWT_RS256, "{\"kty\":\"RSA\",\"n\":\"AAEC\",\"e\":\"AQAB\",\"p\":\"Aw\"}", ERR_MALFORMED);
	jwk_gives(JWT_RS256, "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", ERR_MALFORMED);
	jwk_gives(JWT_RS256, "{\"kty\":\"RSA\",\"n\":\"AAEC\",\"e\":\"AQAB\"}", ERR_MALFORMED);
	jwk_gives(JWT_RS256, "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", ERR_MALFORMED);
}

Test(signing_key, jwks_of_keys_that_do_not_fit_are_refused)
{
	jwk_gives(JWT_RS256, rfc7515_ec_jwk, ERR_MISMATCH);
	jwk_gives(JWT_ES256, rfc7515_rsa_jwk, ERR_MISMATCH);
	jwk_gives(JWT_ES256, "{\"kty\":\"oct\"}", ERR_MISMATCH);
	/* a point of small order: anybody could sign for it */
	jwk_gives(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", ERR_MISMATCH);
	jwk_gives(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", ERR_MISMATCH);
	jwk_gives(JWT_EDDSA, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"7P_______________________________________38\"}", ERR_MISMATCH);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-384\"," EC_X "," EC_Y "}", ERR_MISMATCH);
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X "," EC_Y ",\"alg\":\"ES384\"}", ERR_MISMATCH);
	/* off the curve: y with its last bit changed; the point (0, 0) */
	jwk_gives(JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\"," EC_X ",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5aw\"}",
		  ERR_MISMATCH);
	jwk_gives(JWT_ES256,
		  "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		  "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		  ERR_MISMATCH);
	jwk_gives(JWT_RS256, "{\"kty\":\"RSA\",\"n\":\"_________w\",\"e\":\"AQAB\"}", ERR_MISMATCH);
}

/* PKCS#8 DER of a key that signing_key_generate wouldn't make. */
static struct str der_of(EVP_PKEY *pkey)
{
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	uint8_t *der = arena_alloc(arena, (size_t)n), *p = der;

	cr_assert_eq(i2d_PKCS8_PRIV_KEY_INFO(info, &p), n);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	return str_from(der, (size_t)n);
}

static enum err from_der(enum jwt_alg alg, struct str der)
{
	struct signing_key *key = NULL;
	enum err err = signing_key_from_der(alg, der, &key);

	cr_assert_eq(err == ERR_OK, key != NULL);
	signing_key_free(key);
	return err;
}

Test(signing_key, der_of_keys_that_do_not_fit_is_refused)
{
	struct str rsa_1024 = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024));
	struct str p_384 = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"));
	struct str p_256 = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	struct str ed25519 = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));

	cr_assert_eq(from_der(JWT_ES256, p_256), ERR_OK);
	cr_assert_eq(from_der(JWT_RS256, p_256), ERR_MISMATCH);
	cr_assert_eq(from_der(JWT_RS256, rsa_1024), ERR_MISMATCH);
	cr_assert_eq(from_der(JWT_ES256, p_384), ERR_MISMATCH);
	cr_assert_eq(from_der(JWT_ES256, ed25519), ERR_MISMATCH);
}

Test(signing_key, damaged_der_is_refused)
{
	struct str p_256 = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	struct sbuf longer = sbuf_in(arena, 256);

	cr_assert_eq(from_der(JWT_ES256, STR_NONE), ERR_MALFORMED);
	for (size_t n = 0; n < p_256.n; n++)
		cr_assert_eq(from_der(JWT_ES256, str_from(p_256.p, n)), ERR_MALFORMED, "%zu bytes", n);
	sbuf_put(&longer, p_256);
	sbuf_putc(&longer, '\0');
	cr_assert_eq(from_der(JWT_ES256, sbuf_str(&longer)), ERR_MALFORMED);
}

Test(signing_key, a_private_part_under_another_public_part_is_refused)
{
	struct str a = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	struct str b = der_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
	struct sbuf crossed = sbuf_in(arena, 256);

	cr_assert_eq(a.n, b.n);
	sbuf_put(&crossed, str_from(a.p, a.n - P256_POINT_LEN));
	sbuf_put(&crossed, str_from(b.p + b.n - P256_POINT_LEN, P256_POINT_LEN));
	cr_assert_eq(from_der(JWT_ES256, sbuf_str(&crossed)), ERR_MISMATCH);
}

Test(signing_key, one_prepared_context_signs_and_verifies_many_times)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *key = generated(alg);

		/* verifies() also has it refuse something in between */
		for (int i = 0; i < 100; i++)
			cr_assert(verifies(key, key));
		signing_key_free(key);
	}
}

/* ---- known keys: cheap, and no less strict about their form ---- */

Test(signing_key, a_known_key_verifies_what_the_checked_one_does)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *private = private_key(alg), *known;
		struct sbuf jwk = sbuf_in(arena, 1024), token = sbuf_in(arena, 1024);
		struct jwt jwt;

		cr_assert_eq(signing_key_public_jwk(private, &jwk), ERR_OK);
		cr_assert_eq(signing_key_from_known_jwk(alg, sbuf_str(&jwk), &known), ERR_OK);
		cr_assert_eq(jwt_sign(private, false, STR("{}"), &token), ERR_OK);
		cr_assert_eq(jwt_parse(arena, sbuf_str(&token), &jwt), ERR_OK);
		cr_expect(str_eq(signing_key_kid(known), signing_key_kid(private)));
		cr_expect_eq(jwt_verify(known, &jwt), ERR_OK);
		cr_expect_eq(jwt_verify_libjwt(known, &jwt), ERR_OK);
		token.p[token.n - 10] = token.p[token.n - 10] == 'A' ? 'B' : 'A';
		cr_assert_eq(jwt_parse(arena, sbuf_str(&token), &jwt), ERR_OK);
		cr_expect_eq(jwt_verify(known, &jwt), ERR_MISMATCH);
		cr_expect_eq(jwt_verify_libjwt(known, &jwt), ERR_MISMATCH);
		signing_key_free(private);
		signing_key_free(known);
	}
}

Test(signing_key, a_known_key_is_still_of_its_type_curve_and_size)
{
	static const struct {
		enum jwt_alg alg;
		const char *jwk;
	} bad[] = {
		{JWT_ES256, rfc8037_okp_jwk},
		{JWT_RS256, rfc7515_ec_jwk},
		/* not on the curve */
		{JWT_ES256, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
			    "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}"},
		/* 1024 bits */
		{JWT_PS256, "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"oEybyhiGpa1mhKRLwZHvSc7U8YarO60Ue2KSq3gq7XBavx2aPnqMf-q-lXYUcbEk4Sjl"
			    "ETR1W8gyVf8zawOVMFCyKAh8cUs1jQwZ_hxtmvkpj2VMm27eQGO8vXPSi2hQdyckjWin7_D6GKmgRyOpFUkWRUgvkx8Wy2pbJTzygks"
			    "\"}"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct signing_key *key = NULL;
		cr_expect_eq(signing_key_from_known_jwk(bad[i].alg, str_of(bad[i].jwk), &key), ERR_MISMATCH, "%zu", i);
		cr_expect_null(key);
	}
}

static struct str private_text(const struct signing_key *key, enum err (*put)(const struct signing_key *, struct sbuf *))
{
	struct sbuf out = sbuf_in(arena, 8192);
	cr_assert_eq(put(key, &out), ERR_OK);
	return sbuf_str(&out);
}

Test(signing_key, its_pem_is_the_same_key)
{
	for (int alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *key = private_key((enum jwt_alg)alg), *read = NULL;
		struct str pem = private_text(key, signing_key_private_pem);
		cr_assert(str_starts(pem, STR("-----BEGIN PRIVATE KEY-----\n")));
		BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
		EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		cr_assert_eq(signing_key_of_private((enum jwt_alg)alg, pkey, &read), ERR_OK);
		cr_expect(verifies(key, read));
		BIO_free(bio);
		signing_key_free(read);
		signing_key_free(key);
	}
}

static BIGNUM *number_of(const struct json *jwk, const char *name)
{
	uint8_t bytes[512];
	size_t n = 0;
	const struct json *member = json_get(jwk, name);
	cr_assert(member != NULL && base64url_decode(member->text, bytes, sizeof bytes, &n) == ERR_OK, "%s", name);
	return BN_bin2bn(bytes, (int)n, NULL);
}

/* a * b mod (m - less) = 1 */
static bool are_inverse(const BIGNUM *a, const BIGNUM *b, const BIGNUM *m, BN_ULONG less)
{
	BN_CTX *numbers = BN_CTX_new();
	BIGNUM *modulus = BN_dup(m), *product = BN_new();
	bool one = BN_sub_word(modulus, less) == 1 && BN_mod_mul(product, a, b, modulus, numbers) == 1 && BN_is_one(product);
	BN_free(modulus);
	BN_free(product);
	BN_CTX_free(numbers);
	return one;
}

/* RFC 7518 section 6.3.2. */
Test(signing_key, an_rsa_key_s_private_jwk_has_its_numbers)
{
	static const char *const names[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi"};
	enum { N, E, D, P, Q, DP, DQ, QI, COUNT };
	BIGNUM *v[COUNT], *product = BN_new();
	BN_CTX *numbers = BN_CTX_new();
	const struct json *jwk = NULL;
	struct signing_key *key = private_key(JWT_RS256);
	cr_assert_eq(
		json_parse(arena, private_text(key, signing_key_private_jwk), (struct json_limits){.max_depth = 2, .max_values = 32}, &jwk),
		ERR_OK);
	for (int i = 0; i < COUNT; i++)
		v[i] = number_of(jwk, names[i]);
	cr_expect(BN_mul(product, v[P], v[Q], numbers) == 1 && BN_cmp(product, v[N]) == 0);
	cr_expect(are_inverse(v[E], v[D], v[P], 1) && are_inverse(v[E], v[D], v[Q], 1));
	cr_expect(are_inverse(v[E], v[DP], v[P], 1) && are_inverse(v[E], v[DQ], v[Q], 1) && are_inverse(v[QI], v[Q], v[P], 0));
	for (int i = 0; i < COUNT; i++)
		BN_free(v[i]);
	BN_free(product);
	BN_CTX_free(numbers);
	signing_key_free(key);
}

/* RFC 7518 section 6.2.2, RFC 8037 section 2. */
Test(signing_key, another_s_private_jwk_has_d)
{
	static const enum jwt_alg algs[] = {JWT_ES256, JWT_EDDSA};
	for (size_t i = 0; i < 2; i++) {
		struct signing_key *key = generated(algs[i]), *public = NULL;
		const struct json *jwk = NULL;
		uint8_t d[64], want[64];
		size_t n = 0, want_n = sizeof want;
		struct str text = private_text(key, signing_key_private_jwk);
		cr_assert_eq(json_parse(arena, text, (struct json_limits){.max_depth = 2, .max_values = 32}, &jwk), ERR_OK);
		cr_assert(base64url_decode(json_get(jwk, "d")->text, d, sizeof d, &n) == ERR_OK && n == 32);
		if (algs[i] == JWT_EDDSA) {
			cr_assert_eq(EVP_PKEY_get_raw_private_key(key->pkey, want, &want_n), 1);
		} else {
			BIGNUM *number = NULL;
			cr_assert_eq(EVP_PKEY_get_bn_param(key->pkey, "priv", &number), 1);
			cr_assert_eq(BN_bn2binpad(number, want, 32), 32);
			BN_free(number);
		}
		cr_expect_arr_eq(d, want, 32);
		cr_expect_eq(signing_key_from_jwk(algs[i], text, &public), ERR_MALFORMED, "it isn't taken for a public one");
		signing_key_free(key);
	}
}

Test(signing_key, a_public_key_has_no_private_text)
{
	struct signing_key *key = generated(JWT_ES256), *public = NULL;
	struct sbuf out = sbuf_in(arena, 8192);
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, jwk_of(key), &public), ERR_OK);
	cr_expect_eq(signing_key_private_pem(public, &out), ERR_NOT_PRESENT);
	cr_expect_eq(signing_key_private_jwk(public, &out), ERR_NOT_PRESENT);
	signing_key_free(public);
	signing_key_free(key);
}

/* ---- without memory ---- */

#define BLINDED_ALIKE 32 /* signatures of an RSA key: then OpenSSL draws its blinding again */

static void expect_right(struct signing_key *key, enum err err, const uint8_t *signature, size_t n, unsigned before)
{
	if (err == ERR_OK)
		cr_assert_eq(signing_key_verify(key, STR("text"), str_from(signature, n)), ERR_OK, "%s, behind %u allocations",
			     jwt_alg_name(key->alg), before);
}

/* From a fresh blinding on some are made with memory, then one without, and another with it. */
static void no_signature_is_wrong(enum jwt_alg alg, unsigned good)
{
	struct signing_key *key = private_key(alg);
	uint8_t signature[SIGNATURE_MAX];
	bool failed = true;
	size_t n = 0;
	unsigned before = 0;
	for (; failed; before++) {
		cr_assert(key->sign == NULL || signing_context_renew(key));
		for (unsigned i = 0; i < good; i++)
			cr_assert_eq(signing_key_sign(key, STR("text"), signature, &n), ERR_OK);
		memory_fail_after(before);
		enum err err = signing_key_sign(key, STR("text"), signature, &n);
		failed = memory_end();
		cr_assert(failed || err == ERR_OK);
		expect_right(key, err, signature, n, before);
		err = signing_key_sign(key, STR("text"), signature, &n);
		cr_assert_eq(err, ERR_OK);
		expect_right(key, err, signature, n, before);
	}
	cr_assert_gt(before, 1, "OpenSSL's allocations come by");
	signing_key_free(key);
}

Test(signing_key, a_lack_of_memory_spoils_no_signature)
{
	no_signature_is_wrong(JWT_ES256, 0);
	no_signature_is_wrong(JWT_EDDSA, 0);
	no_signature_is_wrong(JWT_RS256, 0);
	no_signature_is_wrong(JWT_PS256, 0);
	no_signature_is_wrong(JWT_RS256, BLINDED_ALIKE);
}

/* Else whoever asks for it takes a client's key for a damaged one. */
Test(signing_key, a_key_that_there_is_no_memory_for_is_noted)
{
	for (int alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *key = private_key((enum jwt_alg)alg);
		struct str jwk = jwk_of(key);
		bool failed = true;
		for (unsigned before = 0; failed; before += before < 50 ? 1 : 17) {
			struct signing_key *public = NULL;
			unsigned long starved = starved_count();
			memory_fail_after(before);
			enum err err = signing_key_from_known_jwk((enum jwt_alg)alg, jwk, &public);
			failed = memory_end();
			cr_assert(failed || err == ERR_OK);
			cr_assert(!failed || starved_count() > starved, "%s, behind %u allocations", jwt_alg_name((enum jwt_alg)alg),
				  before);
			signing_key_free(public);
		}
		signing_key_free(key);
	}
}
