/* The algorithms against the standards' own vectors, and against signatures that look alike. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/base64.h"
#include "crypto/signing_key_parts.h"
#include "crypto_test.h"

TestSuite(algorithms, .init = crypto_up, .fini = crypto_down);

/* RFC 8037 appendix A.2 and A.4 */
static const char rfc8037_jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
static const char rfc8037_input[] = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
static const char rfc8037_signature[] = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

static struct str decoded(const char *text)
{
	char *bytes = arena_alloc(arena, strlen(text));
	size_t n = 0;
	cr_assert_eq(base64url_decode(str_of(text), bytes, strlen(text), &n), ERR_OK);
	return str_from(bytes, n);
}

Test(algorithms, ed25519_verifies_rfc_8037_s_example_and_nothing_near_it)
{
	struct signing_key *key = NULL;
	cr_assert_eq(signing_key_from_jwk(JWT_EDDSA, str_of(rfc8037_jwk), &key), ERR_OK);
	struct str signature = decoded(rfc8037_signature);
	cr_assert_eq(signing_key_verify(key, str_of(rfc8037_input), signature), ERR_OK);
	cr_assert_eq(signing_key_verify(key, str_from(rfc8037_input, sizeof rfc8037_input - 2), signature), ERR_MISMATCH);
	cr_assert_eq(signing_key_verify(key, str_of(rfc8037_input), str_from(signature.p, signature.n - 1)), ERR_MISMATCH);
	cr_assert_eq(signing_key_verify(key, str_of(rfc8037_input), STR("")), ERR_MISMATCH);
	for (size_t i = 0; i < signature.n; i += 7) {
		char *changed = arena_alloc(arena, signature.n);
		memcpy(changed, signature.p, signature.n);
		changed[i] ^= 1;
		cr_assert_eq(signing_key_verify(key, str_of(rfc8037_input), str_from(changed, signature.n)), ERR_MISMATCH, "byte %zu", i);
	}
	signing_key_free(key);
}

Test(algorithms, ed25519_s_thumbprint_is_rfc_8037_s)
{
	struct signing_key *key = NULL;
	cr_assert_eq(signing_key_from_jwk(JWT_EDDSA, str_of(rfc8037_jwk), &key), ERR_OK);
	/* appendix A.3, its first 16 characters */
	cr_assert(str_eq(signing_key_kid(key), STR("kPrK_qmxVWaYVA9w")));
	signing_key_free(key);
}

static size_t pss_sign(EVP_PKEY *pkey, const EVP_MD *digest, const EVP_MD *mgf1, int salt, const char *text, uint8_t out[SIGNATURE_MAX])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	size_t n = SIGNATURE_MAX;
	cr_assert_eq(EVP_DigestSignInit(ctx, &pctx, digest, NULL, pkey), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_mgf1_md(pctx, mgf1), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, salt), 1);
	cr_assert_eq(EVP_DigestSign(ctx, out, &n, (const unsigned char *)text, strlen(text)), 1);
	EVP_MD_CTX_free(ctx);
	return n;
}

/* RFC 7518 section 3.5: SHA-256 in both places, a salt as long as the hash. */
Test(algorithms, ps256_takes_no_other_salt_and_no_other_hash)
{
	struct signing_key *key = NULL;
	uint8_t signature[SIGNATURE_MAX];
	cr_assert_eq(signing_key_generate(JWT_PS256, &key), ERR_OK);
	const struct {
		const EVP_MD *digest, *mgf1;
		int salt;
		enum err want;
	} cases[] = {
		{EVP_sha256(), EVP_sha256(), 32, ERR_OK},       {EVP_sha256(), EVP_sha256(), 0, ERR_MISMATCH},
		{EVP_sha256(), EVP_sha256(), 20, ERR_MISMATCH}, {EVP_sha256(), EVP_sha256(), RSA_PSS_SALTLEN_MAX, ERR_MISMATCH},
		{EVP_sha256(), EVP_sha1(), 32, ERR_MISMATCH},   {EVP_sha384(), EVP_sha384(), 48, ERR_MISMATCH},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t n = pss_sign(key->pkey, cases[i].digest, cases[i].mgf1, cases[i].salt, "text", signature);
		cr_assert_eq(signing_key_verify(key, STR("text"), str_from(signature, n)), cases[i].want, "case %zu", i);
	}
	signing_key_free(key);
}

/* The other way round: what we sign as PS256 holds for anybody who checks by the book. */
Test(algorithms, ps256_signs_by_the_book)
{
	struct signing_key *key = NULL;
	uint8_t signature[SIGNATURE_MAX];
	size_t n = 0;
	cr_assert_eq(signing_key_generate(JWT_PS256, &key), ERR_OK);
	cr_assert_eq(signing_key_sign(key, STR("text"), signature, &n), ERR_OK);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	cr_assert_eq(EVP_DigestVerifyInit(ctx, &pctx, EVP_sha256(), NULL, key->pkey), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING), 1);
	cr_assert_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, 32), 1);
	cr_assert_eq(EVP_DigestVerify(ctx, signature, n, (const unsigned char *)"text", 4), 1);
	EVP_MD_CTX_free(ctx);
	signing_key_free(key);
}

Test(algorithms, one_rsa_key_s_rs256_and_ps256_are_not_taken_for_each_other)
{
	struct signing_key *rs = NULL, *ps = NULL;
	uint8_t signature[SIGNATURE_MAX];
	size_t n = 0;
	cr_assert_eq(signing_key_generate(JWT_RS256, &rs), ERR_OK);
	cr_assert_eq(EVP_PKEY_up_ref(rs->pkey), 1);
	cr_assert_eq(signing_key_of_public(JWT_PS256, rs->pkey, &ps), ERR_OK);
	cr_assert_eq(signing_key_sign(rs, STR("text"), signature, &n), ERR_OK);
	cr_assert_eq(signing_key_verify(rs, STR("text"), str_from(signature, n)), ERR_OK);
	cr_assert_eq(signing_key_verify(ps, STR("text"), str_from(signature, n)), ERR_MISMATCH);
	n = pss_sign(rs->pkey, EVP_sha256(), EVP_sha256(), 32, "text", signature);
	cr_assert_eq(signing_key_verify(rs, STR("text"), str_from(signature, n)), ERR_MISMATCH);
	cr_assert_eq(signing_key_verify(ps, STR("text"), str_from(signature, n)), ERR_OK);
	signing_key_free(rs);
	signing_key_free(ps);
}
