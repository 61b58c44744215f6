/* Signatures: one input -> digest (EdDSA takes the input itself) -> OpenSSL -> JOSE's form;
 * several at once where that costs less. */
#include "crypto/signing_key_parts.h"

#include <assert.h>
#include <string.h>

#include <openssl/err.h>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

/* A copy of the keyed context costs no fetch; the context itself would be spent by its first
 * message. */
static enum err sign_message(const EVP_MD_CTX *keyed, struct str input, uint8_t *signature, size_t *ret_n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t n = SIGNATURE_MAX;
	bool made = ctx != NULL && EVP_MD_CTX_copy_ex(ctx, keyed) == 1 &&
		    EVP_DigestSign(ctx, signature, &n, (const uint8_t *)input.p, input.n) == 1;

	EVP_MD_CTX_free(ctx);
	if (!made)
		return ERR_CRYPTO;
	*ret_n = n;
	return ERR_OK;
}

static enum err verify_message(const EVP_MD_CTX *keyed, struct str input, struct str signature)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (ctx == NULL || EVP_MD_CTX_copy_ex(ctx, keyed) != 1) {
		EVP_MD_CTX_free(ctx);
		return ERR_CRYPTO;
	}
	bool right = EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n, (const uint8_t *)input.p, input.n) == 1;

	EVP_MD_CTX_free(ctx);
	return right ? ERR_OK : ERR_MISMATCH;
}

static enum err sign_digest(struct signing_key *key, struct str input, uint8_t *signature, size_t *ret_n)
{
	uint8_t digest[SHA256_LEN], made[SIGNATURE_MAX];
	size_t n = sizeof made;

	enum err err = hasher_sha256(key->hasher, &input, 1, digest);
	if (err == ERR_OK && EVP_PKEY_sign(key->sign, made, &n, digest, sizeof digest) != 1)
		err = ERR_CRYPTO;
	if (err != ERR_OK)
		return err;
	if (key->alg == JWT_ES256) {
		if (ecdsa_der_to_raw(made, n, signature) != ERR_OK)
			return ERR_CRYPTO;
		*ret_n = ECDSA_RAW_LEN;
	} else {
		memcpy(signature, made, n);
		*ret_n = n;
	}
	return ERR_OK;
}

static enum err verify_digest(struct signing_key *key, struct str input, struct str signature)
{
	uint8_t digest[SHA256_LEN], der[ECDSA_DER_MAX];
	const uint8_t *p = (const uint8_t *)signature.p;
	size_t n = signature.n;

	if (key->alg == JWT_ES256) {
		if (n != ECDSA_RAW_LEN)
			return ERR_MISMATCH;
		n = ecdsa_raw_to_der(p, der);
		p = der;
	} else if (n != (size_t)EVP_PKEY_get_size(key->pkey)) {
		/* RFC 8017 section 8.1.2; OpenSSL takes a PSS signature whose leading zeros are
		 * left out */
		return ERR_MISMATCH;
	}
	enum err err = hasher_sha256(key->hasher, &input, 1, digest);
	if (err == ERR_OK && EVP_PKEY_verify(key->verify, p, n, digest, sizeof digest) != 1)
		err = ERR_MISMATCH;
	return err;
}

enum err signing_key_sign(struct signing_key *key, struct str input, uint8_t signature[SIGNATURE_MAX], size_t *ret_n)
{
	if (!key->private)
		return ERR_NOT_PRESENT;
	enum err err = key->sign_message != NULL ? sign_message(key->sign_message, input, signature, ret_n)
						 : sign_digest(key, input, signature, ret_n);
	if (err != ERR_OK)
		ERR_clear_error();
	return err;
}

static_assert(SIGNING_GROUP_MAX <= ECDSA_BATCH_MAX, "a group is one batch");

static enum err sign_together(struct signing_key *key, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
			      size_t *lengths)
{
	uint8_t digests[ECDSA_BATCH_MAX][SHA256_LEN], made[ECDSA_BATCH_MAX][ECDSA_RAW_LEN];

	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = hasher_sha256(key->hasher, &inputs[i], 1, digests[i]);
	if (err == ERR_OK)
		err = ecdsa_batch_sign(key->sign_batch, digests, n, made);
	for (size_t i = 0; err == ERR_OK && i < n; i++) {
		memcpy(signatures[i], made[i], ECDSA_RAW_LEN);
		lengths[i] = ECDSA_RAW_LEN;
	}
	return err;
}

enum err signing_key_sign_all(struct signing_key *key, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
			      size_t *lengths)
{
	enum err err = ERR_OK;

	if (key->sign_batch != NULL && n >= ECDSA_BATCH_MIN && sign_together(key, inputs, n, signatures, lengths) == ERR_OK)
		/* else whatever it was, each may still be made alone, with a nonce of its own */
		return ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = signing_key_sign(key, inputs[i], signatures[i], &lengths[i]);
	return err;
}

enum err signing_key_verify(struct signing_key *key, struct str input, struct str signature)
{
	enum err err =
		key->verify_message != NULL ? verify_message(key->verify_message, input, signature) : verify_digest(key, input, signature);
	if (err != ERR_OK)
		ERR_clear_error();
	return err;
}

/* ---- whether signatures can be made together ---- */

static bool batch_verifies(struct signing_key *key)
{
	struct str inputs[ECDSA_BATCH_MIN] = {STR("probe"), STR("of"), STR("a"), STR("batch")};
	uint8_t signatures[ECDSA_BATCH_MIN][SIGNATURE_MAX];
	size_t lengths[ECDSA_BATCH_MIN];

	bool right = sign_together(key, inputs, ECDSA_BATCH_MIN, signatures, lengths) == ERR_OK;
	for (size_t i = 0; right && i < ECDSA_BATCH_MIN; i++)
		right = signing_key_verify(key, inputs[i], str_from(signatures[i], lengths[i])) == ERR_OK;
	return right;
}

/* An OpenSSL in which the parts of a signature no longer fit together would make tokens that
 * nobody can verify: then each is signed alone. */
void signing_key_prepare_batch(struct signing_key *key)
{
	if (key->alg == JWT_ES256)
		key->sign_batch = ecdsa_batch_new(key->pkey);
	if (key->sign_batch != NULL && !batch_verifies(key)) {
		ecdsa_batch_free(key->sign_batch);
		key->sign_batch = NULL;
	}
}
