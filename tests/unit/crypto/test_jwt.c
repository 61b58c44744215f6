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

static struct signing_key *public_key(enum jwt_alg alg, const char *jwk)
{
	struct signing_key *key;

	cr_assert_eq(signing_key_from_jwk(alg, str_of(jwk), &key), ERR_OK);
	return key;
}

Test(jwt, tokens_that_others_made_verify_until_a_bit_changes)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *key = public_key(alg, known_tokens[alg].jwk);
		struct jwt jwt = taken_apart(alg, known_tokens[alg].token);
		char *signature = arena_alloc(arena, jwt.signature.n);

		cr_assert_eq(jwt_verify(key, &jwt), ERR_OK, "%s", jwt_alg_name(alg));
		memcpy(signature, jwt.signature.p, jwt.signature.n);
		jwt.signature.p = signature;
		for (size_t i = 0; i < jwt.signature.n; i++) {
			signature[i] ^= 1;
			cr_assert_eq(jwt_verify(key, &jwt), ERR_MISMATCH, "%s, byte %zu", jwt_alg_name(alg), i);
			signature[i] ^= 1;
		}
		jwt.signing_input.n--;
		cr_assert_eq(jwt_verify(key, &jwt), ERR_MISMATCH, "%s", jwt_alg_name(alg));
		signing_key_free(key);
	}
}

/* Ed25519 needs no chance, so that signing too can be held against the example. */
Test(jwt, our_ed25519_signature_is_rfc_8037s)
{
	struct jwt example = taken_apart(JWT_EDDSA, known_tokens[JWT_EDDSA].token);
	struct str der = unhex("302e020100300506032b657004220420"
			       "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	uint8_t signature[SIGNATURE_MAX];
	struct signing_key *key;
	size_t n;

	cr_assert_eq(signing_key_from_der(JWT_EDDSA, der, &key), ERR_OK);
	cr_assert_eq(signing_key_sign(key, example.signing_input, signature, &n), ERR_OK);
	cr_assert(str_eq(str_from(signature, n), example.signature));
	signing_key_free(key);
}

/* OpenSSL by itself takes a PSS signature without its leading zero bytes, which gives one token
 * two spellings. */
Test(jwt, an_rsa_signature_is_as_long_as_the_modulus)
{
	static const enum jwt_alg algs[] = {JWT_RS256, JWT_PS256};

	for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
		uint8_t signature[SIGNATURE_MAX + 1] = {1};
		char input[32];
		int input_n = 0;
		size_t n = 0;

		for (int try = 0; signature[1] != 0 || try == 0; try++) { /* one in 256 */
			input_n = snprintf(input, sizeof input, "%d", try);
			cr_assert_eq(signing_key_sign(keys[algs[i]], str_from(input, (size_t)input_n), signature + 1, &n), ERR_OK);
		}
		struct str signed_text = str_from(input, (size_t)input_n);
		cr_assert_eq(signing_key_verify(keys[algs[i]], signed_text, str_from(signature + 1, n)), ERR_OK);
		cr_assert_eq(signing_key_verify(keys[algs[i]], signed_text, str_from(signature + 2, n - 1)), ERR_MISMATCH);
		signature[0] = 0;
		cr_assert_eq(signing_key_verify(keys[algs[i]], signed_text, str_from(signature, n + 1)), ERR_MISMATCH);
	}
}

/* RFC 8032 section 5.1.7: S plus the group's order would be right in the equation, and a second
 * spelling. */
Test(jwt, an_ed25519_signature_has_its_s_below_the_order)
{
	struct signing_key *key = public_key(JWT_EDDSA, rfc8037_okp_jwk);
	struct jwt jwt = taken_apart(JWT_EDDSA, known_tokens[JWT_EDDSA].token);
	struct str order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
	uint8_t signature[64];
	unsigned carry = 0;

	memcpy(signature, jwt.signature.p, sizeof signature);
	for (size_t i = 0; i < 32; i++) {
		carry += signature[32 + i] + (unsigned)(uint8_t)order.p[i];
		signature[32 + i] = (uint8_t)carry;
		carry >>= 8;
	}
	cr_assert_eq(carry, 0);
	jwt.signature = str_from(signature, sizeof signature);
	cr_assert_eq(jwt_verify(key, &jwt), ERR_MISMATCH);
	signing_key_free(key);
}

/* What the header says (`said`), who signed (`signer`) and who is asked (`asked`) must all be
 * one, even where PS256 and RS256 share their RSA pair. */
Test(jwt, no_algorithm_stands_in_for_another)
{
	struct str der;

	signing_key_free(keys[JWT_PS256]);
	cr_assert_eq(signing_key_to_der(keys[JWT_RS256], arena, &der), ERR_OK);
	cr_assert_eq(signing_key_from_der(JWT_PS256, der, &keys[JWT_PS256]), ERR_OK);
	for (enum jwt_alg said = 0; said < JWT_ALG_COUNT; said++) {
		for (enum jwt_alg signer = 0; signer < JWT_ALG_COUNT; signer++) {
			struct str header = arena_printf(arena, "{\"alg\":\"%s\",\"kid\":\"k\"}", jwt_alg_name(said));
			struct jwt jwt = parsed(token_of(keys[signer], header, STR("{}")));

			for (enum jwt_alg asked = 0; asked < JWT_ALG_COUNT; asked++)
				cr_assert_eq(jwt_verify(keys[asked], &jwt), said == signer && signer == asked ? ERR_OK : ERR_MISMATCH,
					     "says %s, signed by %s, asked %s", jwt_alg_name(said), jwt_alg_name(signer),
					     jwt_alg_name(asked));
		}
	}
}

/* RFC 9864: the same algorithm, told with its curve. */
Test(jwt, ed25519_is_eddsa)
{
	struct str header = STR("{\"alg\":\"Ed25519\",\"kid\":\"k\"}");
	cr_assert_eq(parse_then_verify(keys[JWT_EDDSA], token_of(keys[JWT_EDDSA], header, STR("{}"))), ERR_OK);
	header = STR("{\"alg\":\"ed25519\",\"kid\":\"k\"}");
	cr_assert_neq(parse_then_verify(keys[JWT_EDDSA], token_of(keys[JWT_EDDSA], header, STR("{}"))), ERR_OK);
}

#define KID_64 "1234567890123456789012345678901234567890123456789012345678901234"

Test(jwt, headers_within_the_rules_are_taken)
{
	static const char *const good[] = {
		"{\"alg\":\"ES256\",\"kid\":\"k\"}",
		"{\"alg\":\"ES256\"}", /* the key is looked for otherwise (RFC 7515 section 4.1.4) */
		"{\"alg\":\"ES256\",\"kid\":\"A-z_09\",\"typ\":\"JWT\"}",
		"{\"kid\":\"k\",\"typ\":\"at+jwt\",\"alg\":\"ES256\",\"x\":1}",
		/* kids are others' to choose; this one is only ever compared with those of known
		 * keys */
		"{\"alg\":\"ES256\",\"kid\":\"../../dev/null\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k'OR'1'='1\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\\\"\"}",
		"{\"alg\":\"ES256\",\"kid\":\"!~+/==\"}",
		"{\"alg\":\"ES256\",\"kid\":\"" KID_64 KID_64 "\"}",
		/* RFC 9068 section 4, RFC 7515 section 4.1.9 */
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"jwt\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"AT+JWT\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"application/at+jwt\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"Application/At+Jwt\"}",
		/* these name or describe, and choose nothing (Entra ID sends x5t) */
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"JWT\",\"x5t\":\"k\",\"x5t#S256\":\"k\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"cty\":\"JWT\",\"enc\":\"A128GCM\"}",
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
		"{\"alg\":\"nOnE\",\"kid\":\"k\"}",
		"{\"alg\":\"HS384\",\"kid\":\"k\"}",
		"{\"alg\":\"PS384\",\"kid\":\"k\"}",
		"{\"alg\":\"eddsa\",\"kid\":\"k\"}",
		"{\"alg\":\"EDDSA\",\"kid\":\"k\"}",
		"{\"alg\":\"ES256\\u0000\",\"kid\":\"k\"}",
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

/* A token of as many bytes as fit into `n`, by the length of its claims. */
static struct str token_within(size_t n)
{
	static const struct str header = STR("{\"alg\":\"ES256\",\"kid\":\"k\"}");
	size_t others = token_of(keys[JWT_ES256], header, STR("{}")).n - BASE64URL_LEN(2);
	struct sbuf claims = sbuf_in(arena, n);
	sbuf_putz(&claims, "{\"a\":\"");
	while (others + BASE64URL_LEN(claims.n + 3) <= n)
		sbuf_putc(&claims, 'x');
	sbuf_putz(&claims, "\"}");
	return token_of(keys[JWT_ES256], header, sbuf_str(&claims));
}

Test(jwt, the_length_limit_is_exact)
{
	struct str longest = token_within(JWT_MAX_LEN), longer = token_within(JWT_MAX_LEN + 2);
	cr_assert(longest.n <= JWT_MAX_LEN && longest.n > JWT_MAX_LEN - 2, "%zu", longest.n);
	cr_assert_eq(parse(longest), ERR_OK);
	cr_assert(longer.n > JWT_MAX_LEN && longer.n <= JWT_MAX_LEN + 2, "%zu", longer.n);
	cr_assert_eq(parse(longer), ERR_MALFORMED);
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

	/* 64 bytes in 86 characters: the last one has four bits that mean nothing; it is one of
	 * A, Q, g, w */
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

/* ---- drafts that are signed together ---- */

static void draft_all(struct signing_key *key, struct sbuf *outs, struct jwt_draft *drafts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		outs[i] = sbuf_in(arena, 16);
		sbuf_putz(&outs[i], "Bearer ");
		struct str claims = arena_printf(arena, "{\"sub\":\"%u\"}", i);
		cr_assert_eq(jwt_draft(key, i % 2 == 1, claims, &outs[i], &drafts[i]), ERR_OK);
	}
}

Test(jwt, tokens_signed_together_are_each_as_if_signed_alone)
{
	struct sbuf outs[SIGNING_GROUP_MAX];
	struct jwt_draft drafts[SIGNING_GROUP_MAX];

	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		for (unsigned n = 1; n <= signing_key_group(keys[alg]); n++) {
			draft_all(keys[alg], outs, drafts, n);
			cr_assert_eq(jwt_sign_drafts(keys[alg], drafts, n), ERR_OK);
			for (unsigned i = 0; i < n; i++) {
				cr_assert(str_starts(sbuf_str(&outs[i]), STR("Bearer eyJ")));
				struct jwt jwt = parsed(str_from(outs[i].p + 7, outs[i].n - 7));
				cr_assert(str_eq(jwt.claims, arena_printf(arena, "{\"sub\":\"%u\"}", i)));
				cr_assert(str_eq(jwt.typ, i % 2 == 1 ? STR("at+jwt") : STR("JWT")));
				cr_assert_eq(jwt_verify(keys[alg], &jwt), ERR_OK);
				cr_assert_eq(jwt_verify_libjwt(keys[alg], &jwt), ERR_OK);
			}
		}
	}
}

Test(jwt, how_many_are_best_signed_together_depends_on_the_key)
{
	static const unsigned group[] = {[JWT_RS256] = 3, [JWT_ES256] = 32, [JWT_PS256] = 3, [JWT_EDDSA] = 1};
	struct signing_key *public;

	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		cr_assert_eq(signing_key_group(keys[alg]), group[alg], "%s", jwt_alg_name(alg));
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, str_of(rfc7515_ec_jwk), &public), ERR_OK);
	cr_assert_eq(signing_key_group(public), 1);
	signing_key_free(public);
}

Test(jwt, a_buffer_that_the_signature_overflows_says_so_and_the_others_are_whole)
{
	char bytes[256];
	struct sbuf outs[4];
	struct jwt_draft drafts[4];

	draft_all(keys[JWT_ES256], outs, drafts, 4);
	/* one too few */
	struct sbuf tight = sbuf_fixed(bytes, outs[2].n - drafts[2].start + BASE64URL_LEN(64) + 1);
	cr_assert_eq(jwt_draft(keys[JWT_ES256], false, STR("{\"sub\":\"2\"}"), &tight, &drafts[2]), ERR_OK);
	cr_assert_eq(jwt_sign_drafts(keys[JWT_ES256], drafts, 4), ERR_OK);
	cr_assert(tight.overflow);
	for (unsigned i = 0; i < 4; i++)
		if (i != 2)
			cr_assert_eq(parse_then_verify(keys[JWT_ES256], str_from(outs[i].p + 7, outs[i].n - 7)), ERR_OK);
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
