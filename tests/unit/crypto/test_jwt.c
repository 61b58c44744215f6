#include <criterion/criterion.h>

#include <openssl/hmac.h>

#include "base/base64.h"
#include "crypto/digest.h"
#include "crypto/signing_key_parts.h"
#include "jwt_test.h"
#include "json/json_read.h"

TestSuite(jwt, .init = jwt_up, .fini = jwt_down);

/* Parsed into a fresh arena, since some of these fill it. */
static enum err parse(struct str token)
{
	struct arena *a = arena_new(65536);
	struct jwt jwt = {.kid = STR("untouched")};
	enum err err = jwt_parse(a, token, &jwt);

	if (err != ERR_OK)
		cr_assert(str_eq(jwt.kid, STR("untouched")));
	arena_free(a);
	return err;
}

static enum err parse_then_verify(struct signing_key *key, struct str token)
{
	struct arena *a = arena_new(65536);
	struct jwt jwt;
	enum err err = jwt_parse(a, token, &jwt);

	if (err == ERR_OK)
		err = jwt_verify(key, &jwt);
	arena_free(a);
	return err;
}

Test(jwt, a_signed_token_parses_and_verifies)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		for (int at_jwt = 0; at_jwt < 2; at_jwt++) {
			struct str token = signed_token(keys[alg], at_jwt, CLAIMS);
			struct jwt jwt = parsed(token);
			struct str sub;

			cr_assert_eq(jwt_verify(keys[alg], &jwt), ERR_OK);
			cr_assert_eq(jwt.alg, alg);
			cr_assert(str_eq(jwt.kid, signing_key_kid(keys[alg])));
			cr_assert(str_eq(jwt.typ, at_jwt ? STR("at+jwt") : STR("JWT")));
			cr_assert(str_eq(jwt.claims, STR(CLAIMS)));
			cr_assert_eq(json_string(json_get(jwt.claims_json, "sub"), &sub), ERR_OK);
			cr_assert(str_eq(sub, STR("m2m_x")));
			cr_assert_eq(jwt.token.p, token.p);
			cr_assert_eq(jwt.signing_input.p, token.p);
		}
	}
}

Test(jwt, the_header_says_alg_typ_and_kid)
{
	struct str token = signed_token(keys[JWT_ES256], true, "{}");
	struct str header = str_split(&token, '.');
	char text[128], want[128];
	struct sbuf w = sbuf_fixed(want, sizeof want);
	size_t n;

	cr_assert_eq(base64url_decode(header, text, sizeof text, &n), ERR_OK);
	sbuf_printf(&w, "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"%.*s\"}", STR_ARG(signing_key_kid(keys[JWT_ES256])));
	cr_assert(str_eq(str_from(text, n), sbuf_str(&w)));
}

/* RFC 7515 appendices A.2 and A.3. Their headers have no kid, so jwt_parse won't have them: the check alone is held against them. */
#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

static void rfc_example_verifies(enum jwt_alg alg, const char *jwk, struct str input, struct str signature)
{
	struct signing_key *key;
	char bytes[SIGNATURE_MAX];
	struct jwt jwt = {.alg = alg, .signing_input = input};

	cr_assert_eq(signing_key_from_jwk(alg, str_of(jwk), &key), ERR_OK);
	cr_assert_eq(base64url_decode(signature, bytes, sizeof bytes, &jwt.signature.n), ERR_OK);
	jwt.signature.p = bytes;
	cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
	bytes[10] ^= 1;
	cr_assert_eq(jwt_verify(key, &jwt), ERR_MISMATCH);
	signing_key_free(key);
}

Test(jwt, the_examples_of_rfc_7515_verify)
{
	rfc_example_verifies(
		JWT_RS256, rfc7515_rsa_jwk, STR("eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD),
		STR("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7"
		    "t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12j"
		    "zDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQG"
		    "e77Rw"));
	rfc_example_verifies(JWT_ES256, rfc7515_ec_jwk, STR("eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD),
			     STR("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"));
}

Test(jwt, headers_within_the_rules_are_taken)
{
	static const char *const good[] = {
		"{\"alg\":\"ES256\",\"kid\":\"k\"}",
		"{\"alg\":\"ES256\",\"kid\":\"A-z_09\",\"typ\":\"JWT\"}",
		"{\"kid\":\"k\",\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"x\":1}",
		"{\"alg\":\"ES256\",\"kid\":\"1234567890123456789012345678901234567890123456789012345678901234\"}",
	};

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		cr_assert_eq(parse_then_verify(keys[JWT_ES256], token_of(keys[JWT_ES256], str_of(good[i]), STR("{}"))), ERR_OK, "%s",
			     good[i]);
}

Test(jwt, headers_outside_of_the_rules_are_refused)
{
#define H(members) "{\"alg\":\"ES256\",\"kid\":\"k\"," members "}"
	static const char *const bad[] = {
		/* algorithms */
		"{\"alg\":\"none\",\"kid\":\"k\"}",
		"{\"alg\":\"None\",\"kid\":\"k\"}",
		"{\"alg\":\"NONE\",\"kid\":\"k\"}",
		"{\"alg\":\"\",\"kid\":\"k\"}",
		"{\"alg\":\"HS256\",\"kid\":\"k\"}",
		"{\"alg\":\"es256\",\"kid\":\"k\"}",
		"{\"alg\":\"ES256 \",\"kid\":\"k\"}",
		"{\"alg\":\"ES384\",\"kid\":\"k\"}",
		"{\"alg\":[\"ES256\"],\"kid\":\"k\"}",
		"{\"alg\":null,\"kid\":\"k\"}",
		"{\"kid\":\"k\"}",
		/* headers that name a key of their own or change what is signed */
		H("\"crit\":[\"exp\"]"),
		H("\"crit\":[]"),
		H("\"jku\":\"https://evil.example/jwks.json\""),
		H("\"x5u\":\"https://evil.example/cert.pem\""),
		H("\"x5c\":[\"MIIB\"]"),
		H("\"jwk\":{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}"),
		H("\"jwk\":null"),
		H("\"b64\":false"),
		H("\"zip\":\"DEF\""),
		/* key ids */
		"{\"alg\":\"ES256\"}",
		"{\"alg\":\"ES256\",\"kid\":\"\"}",
		"{\"alg\":\"ES256\",\"kid\":1}",
		"{\"alg\":\"ES256\",\"kid\":null}",
		"{\"alg\":\"ES256\",\"kid\":\"k' OR '1'='1\"}", /* for its spaces */
		"{\"alg\":\"ES256\",\"kid\":\"k\\u0000\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\\n\"}",
		"{\"alg\":\"ES256\",\"kid\":\"\xc3\xa9\"}",
		"{\"alg\":\"ES256\",\"kid\":"
		"\"123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
		"123456789\"}",
		/* types */
		H("\"typ\":\"JWE\""),
		H("\"typ\":\"\""),
		H("\"typ\":null"),
		H("\"typ\":1"),
		/* JSON */
		"{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"k\"}",
		"{\"alg\":\"ES256\",\"\\u0061lg\":\"none\",\"kid\":\"k\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\"}{}",
		"{\"alg\":\"ES256\",\"kid\":\"k\"} x",
		"[\"alg\",\"ES256\"]",
		"\"ES256\"",
		"null",
		"{",
		"",
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_assert_eq(parse(token_of(keys[JWT_ES256], str_of(bad[i]), STR("{}"))), ERR_MALFORMED, "%s", bad[i]);
#undef H
}

Test(jwt, payloads_that_are_no_strict_json_object_are_refused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"\"{}\"",
		"1",
		"null",
		"{} {}",
		"{}x",
		"{\"sub\":\"a\",\"sub\":\"b\"}",
		"{\"sub\":\"\\u0000\"}",
		"{\"sub\":\"\xff\"}",
		"{/**/}",
		"{\"a\":[[[[[[[[[[]]]]]]]]]]}",
	};
	struct str header = STR("{\"alg\":\"ES256\",\"kid\":\"k\"}");

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_assert_eq(parse(token_of(keys[JWT_ES256], header, str_of(bad[i]))), ERR_MALFORMED, "%s", bad[i]);
	cr_assert_eq(parse(token_of(keys[JWT_ES256], header, STR("{\"a\":0}\0"))), ERR_MALFORMED);
	cr_assert_eq(parse(token_of(keys[JWT_ES256], header, STR("{}"))), ERR_OK);
}

Test(jwt, a_kid_of_ten_kilobytes_is_refused)
{
	struct sbuf header = sbuf_in(arena, 16384);

	sbuf_putz(&header, "{\"alg\":\"ES256\",\"kid\":\"");
	for (int i = 0; i < 10240; i++)
		sbuf_putc(&header, 'k');
	sbuf_putz(&header, "\"}");
	cr_assert_eq(parse(token_of(keys[JWT_ES256], sbuf_str(&header), STR("{}"))), ERR_MALFORMED);
}

Test(jwt, the_length_limit_is_exact)
{
	struct sbuf claims = sbuf_in(arena, 16384);
	struct str token = STR("");

	sbuf_putz(&claims, "{\"a\":\"");
	while (token.n <= JWT_MAX_LEN) {
		if (token.n > 0)
			cr_assert_eq(parse(token), ERR_OK, "%zu", token.n);
		for (int i = 0; i < 100; i++)
			sbuf_putc(&claims, 'x');
		struct sbuf closed = sbuf_in(arena, claims.n + 2);
		sbuf_put(&closed, sbuf_str(&claims));
		sbuf_putz(&closed, "\"}");
		token = token_of(keys[JWT_ES256], STR("{\"alg\":\"ES256\",\"kid\":\"k\"}"), sbuf_str(&closed));
	}
	cr_assert_eq(parse(token), ERR_MALFORMED);
}

Test(jwt, a_token_signed_by_hmac_with_our_public_key_is_refused)
{
	struct sbuf out = sbuf_in(arena, 1024);
	uint8_t mac[SHA256_LEN];
	char *pem;
	long pem_n = BIO_get_mem_data(keys[JWT_RS256]->public_pem, &pem);

	sbuf_put_base64url(&out, STR("{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k\"}"));
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, STR("{}"));
	cr_assert_not_null(HMAC(EVP_sha256(), pem, (int)pem_n, (const uint8_t *)out.p, out.n, mac, NULL));
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, str_from(mac, sizeof mac));
	cr_assert_eq(parse(sbuf_str(&out)), ERR_MALFORMED);
}

Test(jwt, a_token_without_a_signature_is_refused)
{
	struct str token = signed_token(keys[JWT_ES256], false, "{}");
	struct str input = parsed(token).signing_input;

	cr_assert_eq(parse(input), ERR_MALFORMED);
	cr_assert_eq(parse(str_from(token.p, input.n + 1)), ERR_MALFORMED);

	struct jwt bare = parsed(token);
	bare.signature = STR("");
	cr_assert_eq(jwt_verify(keys[JWT_ES256], &bare), ERR_MISMATCH);
	bare.alg = JWT_RS256;
	cr_assert_eq(jwt_verify(keys[JWT_RS256], &bare), ERR_MISMATCH);
}

Test(jwt, an_all_zero_ecdsa_signature_is_refused)
{
	static const char zeros[64];
	struct jwt jwt = parsed(signed_token(keys[JWT_ES256], false, "{}"));

	jwt.signature = str_from(zeros, sizeof zeros); /* CVE-2022-21449 */
	cr_assert_eq(jwt_verify(keys[JWT_ES256], &jwt), ERR_MISMATCH);
}

Test(jwt, an_ecdsa_signature_in_der_is_refused)
{
	struct jwt jwt = parsed(signed_token(keys[JWT_ES256], false, "{}"));
	uint8_t digest[SHA256_LEN], der[SIGNATURE_MAX];
	size_t n = sizeof der;

	cr_assert_eq(sha256(jwt.signing_input.p, jwt.signing_input.n, digest), ERR_OK);
	cr_assert_eq(EVP_PKEY_sign(keys[JWT_ES256]->sign, der, &n, digest, sizeof digest), 1);
	jwt.signature = str_from(der, n);
	cr_assert_eq(jwt_verify(keys[JWT_ES256], &jwt), ERR_MISMATCH);
}

Test(jwt, another_key_or_another_algorithm_does_not_verify)
{
	struct str token = signed_token(keys[JWT_ES256], false, "{}");
	struct signing_key *other;

	cr_assert_eq(signing_key_generate(JWT_ES256, &other), ERR_OK);
	cr_assert_eq(parse_then_verify(other, token), ERR_MISMATCH);
	cr_assert_eq(parse_then_verify(keys[JWT_RS256], token), ERR_MISMATCH);
	signing_key_free(other);

	/* signed by the ES256 key, but the header says RS256: neither key may take it */
	token = token_of(keys[JWT_ES256], STR("{\"alg\":\"RS256\",\"kid\":\"k\"}"), STR("{}"));
	cr_assert_eq(parse_then_verify(keys[JWT_ES256], token), ERR_MISMATCH);
	cr_assert_eq(parse_then_verify(keys[JWT_RS256], token), ERR_MISMATCH);
}

Test(jwt, any_changed_character_is_seen)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct str token = signed_token(keys[alg], false, CLAIMS);
		char *text = arena_alloc(arena, token.n);

		for (size_t i = 0; i < token.n; i++) {
			memcpy(text, token.p, token.n);
			text[i] = text[i] == 'A' ? 'B' : 'A';
			cr_assert_neq(parse_then_verify(keys[alg], str_from(text, token.n)), ERR_OK, "character %zu", i);
			text[i] = '\0';
			cr_assert_eq(parse(str_from(text, token.n)), ERR_MALFORMED, "NUL at %zu", i);
		}
	}
}

Test(jwt, truncated_doubled_and_padded_tokens_are_refused)
{
	struct str token = signed_token(keys[JWT_ES256], false, CLAIMS);
	static const char *const tails[] = {".", "=", "==", " ", "\n", ".AAAA", "A"};
	struct sbuf twice = sbuf_in(arena, 2048);

	for (size_t n = 0; n < token.n; n++)
		cr_assert_neq(parse_then_verify(keys[JWT_ES256], str_from(token.p, n)), ERR_OK, "%zu characters", n);
	sbuf_put(&twice, token);
	sbuf_put(&twice, token);
	cr_assert_eq(parse(sbuf_str(&twice)), ERR_MALFORMED);
	for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
		struct sbuf longer = sbuf_in(arena, 1024);
		sbuf_put(&longer, token);
		sbuf_putz(&longer, tails[i]);
		cr_assert_neq(parse_then_verify(keys[JWT_ES256], sbuf_str(&longer)), ERR_OK, "%s", tails[i]);
	}
	cr_assert_eq(parse(STR_NONE), ERR_MALFORMED);
	cr_assert_eq(parse(STR("")), ERR_MALFORMED);
	cr_assert_eq(parse(STR("..")), ERR_MALFORMED);
	cr_assert_eq(parse(STR("...")), ERR_MALFORMED);
}

Test(jwt, a_signature_has_one_spelling_only)
{
	struct str token = signed_token(keys[JWT_ES256], false, "{}");
	char *text = arena_alloc(arena, token.n);

	/* 64 bytes in 86 characters: the last one has four bits that mean nothing; it is one of A, Q, g, w */
	memcpy(text, token.p, token.n);
	text[token.n - 1]++;
	cr_assert_eq(parse(str_from(text, token.n)), ERR_MALFORMED);
	text[token.n - 1]--;
	cr_assert_eq(parse_then_verify(keys[JWT_ES256], str_from(text, token.n)), ERR_OK);
}

Test(jwt, signing_leaves_the_text_before_it_and_on_failure_nothing_else)
{
	struct signing_key *public;
	char bytes[512];
	struct sbuf out = sbuf_fixed(bytes, sizeof bytes);

	sbuf_putz(&out, "Bearer ");
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, str_of(rfc7515_ec_jwk), &public), ERR_OK);
	cr_assert_eq(jwt_sign(public, false, STR("{}"), &out), ERR_CRYPTO);
	cr_assert_str_eq(out.p, "Bearer ");
	cr_assert_eq(jwt_sign(keys[JWT_ES256], false, STR("{}"), &out), ERR_OK);
	cr_assert(str_starts(sbuf_str(&out), STR("Bearer eyJ")));
	cr_assert_eq(parse_then_verify(keys[JWT_ES256], str_from(out.p + 7, out.n - 7)), ERR_OK);
	signing_key_free(public);
}

Test(jwt, a_token_that_does_not_fit_is_an_error_at_every_size)
{
	char bytes[512];
	size_t need = signed_token(keys[JWT_ES256], false, "{}").n + 1;

	for (size_t cap = 1; cap < need; cap++) {
		struct sbuf out = sbuf_fixed(bytes, cap);
		cr_assert_eq(jwt_sign(keys[JWT_ES256], false, STR("{}"), &out), ERR_TOO_LARGE, "%zu bytes", cap);
	}
	struct sbuf out = sbuf_fixed(bytes, need);
	cr_assert_eq(jwt_sign(keys[JWT_ES256], false, STR("{}"), &out), ERR_OK);
}

Test(jwt, an_arena_that_is_too_small_refuses_the_token)
{
	struct str token = signed_token(keys[JWT_ES256], false, CLAIMS);

	for (size_t cap = 0; cap < 1024; cap += 16) {
		struct arena *small = arena_new(cap);
		struct jwt jwt;

		cr_assert_eq(jwt_parse(small, token, &jwt), ERR_MALFORMED, "%zu bytes", cap);
		arena_free(small);
	}
}
