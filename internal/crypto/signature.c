/* Signatures: one input -> digest (EdDSA takes the input itself) -> OpenSSL -> JOSE's form;
 * several at once where that costs less. */
#include <stdatomic.h>
#include <string.h>

#include <openssl/err.h>

#include "base/starved.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/group_signer.h"
#include "crypto/signing_context.h"
#include "crypto/signing_key_parts.h"

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
	if (err != ERR_OK)
		return err;
	if (key->sign_failed && !signing_context_renew(key))
		return ERR_CRYPTO;
	if (EVP_PKEY_sign(key->sign, made, &n, digest, sizeof digest) != 1)
		return ERR_CRYPTO;
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
	unsigned long starved = starved_count();
	if (!key->private)
		return ERR_NOT_PRESENT;
	enum err err = key->sign_message != NULL ? sign_message(key->sign_message, input, signature, ret_n)
						 : sign_digest(key, input, signature, ret_n);
	/* OpenSSL may not notice that it had no memory: 3.0 renews half of a blinding so */
	err = starved_err(err, starved);
	key->sign_failed = err != ERR_OK;
	if (err != ERR_OK)
		ERR_clear_error();
	return err;
}

enum err signing_key_sign_together(struct signing_key *key, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
				   size_t *lengths)
{
	uint8_t digests[SIGNING_GROUP_MAX][SHA256_LEN];
	struct str digested[SIGNING_GROUP_MAX] = {STR_NONE};
	unsigned long starved = starved_count();

	for (size_t i = 0; key->alg != JWT_EDDSA && i < n; i++) {
		digested[i] = str_from(digests[i], SHA256_LEN);
		enum err err = hasher_sha256(key->hasher, &inputs[i], 1, digests[i]);
		if (err != ERR_OK)
			return err;
	}
	enum err err = key->together->sign(key->together, key->alg == JWT_EDDSA ? inputs : digested, n, signatures, lengths);
	return starved_err(err, starved);
}

static atomic_uint_fast64_t fallbacks;

uint64_t signing_fallbacks(void)
{
	return atomic_load_explicit(&fallbacks, memory_order_relaxed);
}

/* How many of the next `n` are made together; 0: the next one is made alone. */
static size_t slice(const struct signing_key *key, size_t n)
{
	const struct group_signer *g = key->together;

	return g == NULL || n < g->min ? 0 : n > g->max ? g->max : n;
}

enum err signing_key_sign_all(struct signing_key *key, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
			      size_t *lengths)
{
	enum err err = ERR_OK;

	for (size_t i = 0; err == ERR_OK && i < n;) {
		size_t some = slice(key, n - i), to = i + (some == 0 ? 1 : some);
		if (some > 0 && signing_key_sign_together(key, &inputs[i], some, &signatures[i], &lengths[i]) == ERR_OK)
			i = to;
		else if (some > 0)
			atomic_fetch_add_explicit(&fallbacks, 1, memory_order_relaxed);
		/* whatever it was, each may still be made alone, with a nonce of its own */
		for (; err == ERR_OK && i < to; i++)
			err = signing_key_sign(key, inputs[i], signatures[i], &lengths[i]);
	}
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
