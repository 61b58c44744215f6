#include <criterion/criterion.h>

#include "crypto/dpop.h"
#include "jwt_test.h"

TestSuite(dpop, .init = jwt_up, .fini = jwt_down);

/* RFC 9449 section 4.1, whose key has the thumbprint of section 6.1. */
#define RFC_HEADER                                                                                                                         \
	"eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdC" \
	"RnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
#define RFC_PROOF                                                                                                                          \
	RFC_HEADER                                                                                                                         \
	".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE" \
	"2"                                                                                                                                \
	"fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"

static struct jwt proof_of(struct str token)
{
	struct jwt jwt;

	cr_assert_eq(jwt_parse_as(&jwt_form_dpop_proof, arena, token, &jwt), ERR_OK, "%.*s", STR_ARG(token));
	return jwt;
}

static enum err verify(const struct jwt *proof, char jkt[THUMBPRINT_TEXT_LEN + 1])
{
	struct signing_key *key;
	enum err err = dpop_key(proof, &key);

	if (err != ERR_OK)
		return err;
	err = jwt_verify(key, proof);
	dpop_thumbprint(key, jkt);
	signing_key_free(key);
	return err;
}

Test(dpop, the_rfcs_proof_verifies_and_has_the_rfcs_thumbprint)
{
	char jkt[THUMBPRINT_TEXT_LEN + 1];
	struct jwt jwt = proof_of(STR(RFC_PROOF));

	cr_assert_eq(verify(&jwt, jkt), ERR_OK);
	cr_assert_str_eq(jkt, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

Test(dpop, the_rfcs_access_token_has_the_rfcs_ath)
{
	char ath[THUMBPRINT_TEXT_LEN + 1];

	cr_assert_eq(dpop_ath(STR("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"), ath), ERR_OK);
	cr_assert_str_eq(ath, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
}

/* A header with the key's own public JWK, and `more` in it. */
static struct str header_of(struct signing_key *key, const char *more)
{
	struct sbuf jwk = sbuf_in(arena, 1024);

	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	return arena_printf(arena, "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%.*s%s}", jwt_alg_name(signing_key_alg(key)), (int)jwk.n,
			    jwk.p, more);
}

Test(dpop, proofs_of_every_algorithm_verify_with_the_key_that_they_embed)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		char jkt[THUMBPRINT_TEXT_LEN + 1];
		struct jwt jwt = proof_of(token_of(keys[alg], header_of(keys[alg], ""), STR("{}")));

		cr_expect_eq(verify(&jwt, jkt), ERR_OK, "%s", jwt_alg_name(alg));
		cr_expect(str_starts(str_of(jkt), signing_key_kid(keys[alg])), "a kid is how its thumbprint begins");
		/* signed by another key than the one it embeds */
		for (enum jwt_alg other = 0; other < JWT_ALG_COUNT; other++) {
			if (other == alg)
				continue;
			struct jwt forged = proof_of(token_of(keys[other], header_of(keys[alg], ""), STR("{}")));
			cr_expect_eq(verify(&forged, jkt), ERR_MISMATCH, "%s", jwt_alg_name(alg));
		}
	}
}

Test(dpop, a_proof_says_its_type_and_embeds_an_object)
{
	static const char *const bad[] = {
		"{\"alg\":\"ES256\",\"jwk\":{}}",
		"{\"alg\":\"ES256\",\"typ\":\"JWT\",\"jwk\":{}}",
		"{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"jwk\":{}}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop\",\"jwk\":{}}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\"}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":null}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":[]}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":\"{}\"}",
		"{\"alg\":\"none\",\"typ\":\"dpop+jwt\",\"jwk\":{}}",
		"{\"alg\":\"HS256\",\"typ\":\"dpop+jwt\",\"jwk\":{}}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":{},\"crit\":[]}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":{},\"jku\":\"x\"}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":{},\"x5c\":[]}",
		"{\"alg\":\"ES256\",\"typ\":\"dpop+jwt\",\"jwk\":{},\"b64\":true}",
	};
	struct jwt jwt;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(jwt_parse_as(&jwt_form_dpop_proof, arena, token_of(keys[JWT_ES256], str_of(bad[i]), STR("{}")), &jwt),
			     ERR_MALFORMED, "%s", bad[i]);
	cr_expect_eq(jwt_parse(arena, STR(RFC_PROOF), &jwt), ERR_MALFORMED, "no bearer");
}

/* The key `jwk` instead of the signer's own; signed by the ES256 key. */
static enum err verified_with(const char *jwk)
{
	char jkt[THUMBPRINT_TEXT_LEN + 1];
	struct str header = arena_printf(arena, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":%s}", jwk);
	struct jwt jwt = proof_of(token_of(keys[JWT_ES256], header, STR("{}")));

	return verify(&jwt, jkt);
}

/* The signer's own public JWK with `more` in it. */
static const char *own_with(const char *more)
{
	struct sbuf jwk = sbuf_in(arena, 1024);

	cr_assert_eq(signing_key_public_jwk(keys[JWT_ES256], &jwk), ERR_OK);
	char *use = strstr(jwk.p, ",\"alg\"");
	return arena_printf(arena, "%.*s%s}", (int)(use - jwk.p), jwk.p, more).p;
}

Test(dpop, a_key_that_is_private_or_not_for_its_alg_is_refused)
{
	cr_expect_eq(verified_with(own_with("")), ERR_OK);
	cr_expect_eq(verified_with(own_with(",\"alg\":\"ES256\",\"use\":\"sig\",\"key_ops\":[\"verify\"],\"ext\":true")), ERR_OK);
	cr_expect_eq(verified_with(own_with(",\"d\":\"AQ\"")), ERR_MISMATCH);
	cr_expect_eq(verified_with(own_with(",\"k\":\"AQ\"")), ERR_MISMATCH);
	cr_expect_eq(verified_with(own_with(",\"alg\":\"RS256\"")), ERR_MISMATCH);
	cr_expect_eq(verified_with(own_with(",\"use\":\"enc\"")), ERR_MISMATCH);
	cr_expect_eq(verified_with(own_with(",\"key_ops\":[\"sign\"]")), ERR_MISMATCH);
	cr_expect_eq(verified_with("{}"), ERR_MISMATCH);
	cr_expect_eq(verified_with("{\"kty\":\"oct\",\"k\":\"AQ\"}"), ERR_MISMATCH);
	cr_expect_eq(verified_with(rfc7515_ec_jwk), ERR_MISMATCH, "another's");
	cr_expect_eq(verified_with(rfc7515_rsa_jwk), ERR_MISMATCH);
	cr_expect_eq(verified_with(rfc8037_okp_jwk), ERR_MISMATCH);
}

/* ---- nonces ---- */

#define NOW INT64_C(2000000000)

static struct dpop_nonces *nonces_of(const char *ring_text, int64_t lifetime_s)
{
	struct master_ring keys_of;
	struct dpop_nonces *nonces;

	cr_assert_eq(master_ring_parse(str_of(ring_text), &keys_of, NULL), ERR_OK);
	cr_assert_eq(dpop_nonces_new(&keys_of, lifetime_s, &nonces), ERR_OK);
	return nonces;
}

static struct str nonce_at(const struct dpop_nonces *nonces, int64_t now_s)
{
	char nonce[DPOP_NONCE_LEN + 1];

	cr_assert_eq(dpop_nonce_make(nonces, now_s * 1000000, nonce), ERR_OK);
	cr_assert_eq(strlen(nonce), DPOP_NONCE_LEN);
	return arena_copy(arena, str_of(nonce));
}

#define K1 "k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
#define K2 "k2: IAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

Test(dpop, a_nonce_is_good_for_its_lifetime_and_a_slot_ahead)
{
	struct dpop_nonces *nonces = nonces_of(K1, 60);
	struct str nonce = nonce_at(nonces, NOW);
	int64_t slot = NOW / DPOP_NONCE_SLOT_S;

	for (int64_t at = slot - 5; at <= slot + 5; at++)
		cr_expect_eq(dpop_nonce_is_fresh(nonces, at * DPOP_NONCE_SLOT_S * 1000000, nonce), at >= slot - 1 && at <= slot + 2, "%d",
			     (int)(at - slot));
	cr_expect(str_eq(nonce, nonce_at(nonces, slot * DPOP_NONCE_SLOT_S)), "the same throughout its slot");
	cr_expect(!str_eq(nonce, nonce_at(nonces, (slot + 1) * DPOP_NONCE_SLOT_S)));
	dpop_nonces_free(nonces);
}

Test(dpop, gateways_accept_each_others_nonces_while_master_keys_rotate)
{
	struct dpop_nonces *before = nonces_of(K1 K2, 60), *after = nonces_of(K2 K1, 60), *alone = nonces_of(K2, 60);

	cr_expect(dpop_nonce_is_fresh(after, NOW * 1000000, nonce_at(before, NOW)));
	cr_expect(dpop_nonce_is_fresh(before, NOW * 1000000, nonce_at(after, NOW)));
	cr_expect(dpop_nonce_is_fresh(alone, NOW * 1000000, nonce_at(after, NOW)));
	cr_expect(!dpop_nonce_is_fresh(alone, NOW * 1000000, nonce_at(before, NOW)));
	dpop_nonces_free(before);
	dpop_nonces_free(after);
	dpop_nonces_free(alone);
}

Test(dpop, no_other_text_is_a_nonce)
{
	struct dpop_nonces *nonces = nonces_of(K1, 60);
	struct str nonce = nonce_at(nonces, NOW);
	char text[DPOP_NONCE_LEN + 2];

	memcpy(text, nonce.p, nonce.n);
	for (size_t i = 0; i < nonce.n; i++) {
		text[i] = nonce.p[i] == 'A' ? 'E' : 'A';
		cr_expect(!dpop_nonce_is_fresh(nonces, NOW * 1000000, str_from(text, nonce.n)), "byte %zu", i);
		text[i] = nonce.p[i];
	}
	text[nonce.n] = 'A';
	cr_expect(dpop_nonce_is_fresh(nonces, NOW * 1000000, str_from(text, nonce.n)));
	cr_expect(!dpop_nonce_is_fresh(nonces, NOW * 1000000, str_from(text, nonce.n + 1)));
	cr_expect(!dpop_nonce_is_fresh(nonces, NOW * 1000000, str_from(text, nonce.n - 1)));
	cr_expect(!dpop_nonce_is_fresh(nonces, NOW * 1000000, STR("")));
	dpop_nonces_free(nonces);
}
