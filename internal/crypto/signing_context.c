#include "crypto/signing_context.h"

#include <openssl/rsa.h>

#include "crypto/algorithms.h"

/* RFC 7518 section 3.5: the salt is as long as the digest, and a signature with another length
 * is none. */
static bool set_padding(EVP_PKEY_CTX *ctx, int padding)
{
	if (padding == 0)
		return true;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, padding) == 1 &&
	       (padding != RSA_PKCS1_PSS_PADDING || EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

EVP_PKEY_CTX *signing_context_of_digests(EVP_PKEY *pkey, enum jwt_alg alg, int (*init)(EVP_PKEY_CTX *))
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);

	if (ctx != NULL && init(ctx) == 1 && set_padding(ctx, jwt_alg_rsa_padding(alg)) &&
	    EVP_PKEY_CTX_set_signature_md(ctx, crypto_algorithms()->sha256) == 1)
		return ctx;
	EVP_PKEY_CTX_free(ctx);
	return NULL;
}

EVP_MD_CTX *signing_context_of_messages(EVP_PKEY *pkey, signing_context_init *init)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (ctx != NULL && init(ctx, NULL, NULL, NULL, pkey) == 1)
		return ctx;
	EVP_MD_CTX_free(ctx);
	return NULL;
}

bool signing_context_renew(struct signing_key *key)
{
	EVP_PKEY *pkey = EVP_PKEY_dup(key->pkey);
	EVP_PKEY_CTX *sign = pkey == NULL ? NULL : signing_context_of_digests(pkey, key->alg, EVP_PKEY_sign_init);

	if (sign == NULL) {
		EVP_PKEY_free(pkey);
		return false;
	}
	EVP_PKEY_CTX_free(key->sign);
	EVP_PKEY_free(key->pkey);
	key->sign = sign;
	key->pkey = pkey;
	key->sign_failed = false;
	return true;
}
