/* The algorithms are fetched once into one struct; a call then costs a context, never a lookup
 * by name. */
#include "crypto/digest.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "crypto/algorithms.h"

static struct crypto_algorithms fetched;

const struct crypto_algorithms *crypto_algorithms(void)
{
	return &fetched;
}

static EVP_MAC_CTX *hmac_sha256_template(EVP_MAC *hmac)
{
	char digest[] = "SHA256";
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);

	if (ctx != NULL && EVP_MAC_CTX_set_params(ctx, params) == 1)
		return ctx;
	EVP_MAC_CTX_free(ctx);
	return NULL;
}

enum err crypto_init(void)
{
	if (fetched.hmac_sha256 != NULL)
		return ERR_OK;
	fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	fetched.kbkdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	fetched.aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (fetched.sha256 != NULL && fetched.hmac != NULL && fetched.kbkdf != NULL && fetched.aes_256_gcm != NULL)
		fetched.hmac_sha256 = hmac_sha256_template(fetched.hmac);
	if (fetched.hmac_sha256 != NULL)
		return ERR_OK;
	crypto_fini();
	ERR_clear_error();
	return ERR_CRYPTO;
}

void crypto_fini(void)
{
	EVP_MAC_CTX_free(fetched.hmac_sha256);
	EVP_MAC_free(fetched.hmac);
	EVP_MD_free(fetched.sha256);
	EVP_KDF_free(fetched.kbkdf);
	EVP_CIPHER_free(fetched.aes_256_gcm);
	fetched = (struct crypto_algorithms){0};
}

enum err crypto_random(void *out, size_t n)
{
	if (n > INT_MAX)
		return ERR_TOO_LARGE;
	return RAND_bytes(out, (int)n) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum err sha256(const void *p, size_t n, uint8_t out[SHA256_LEN])
{
	return EVP_Digest(p, n, out, NULL, fetched.sha256, NULL) == 1 ? ERR_OK : ERR_CRYPTO;
}

enum err hmac_sha256(const uint8_t key[32], const void *p, size_t n, uint8_t out[SHA256_LEN])
{
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(fetched.hmac_sha256);
	bool done = ctx != NULL && EVP_MAC_init(ctx, key, 32, NULL) == 1 && EVP_MAC_update(ctx, p, n) == 1 &&
		    EVP_MAC_final(ctx, out, NULL, SHA256_LEN) == 1;

	EVP_MAC_CTX_free(ctx);
	return done ? ERR_OK : ERR_CRYPTO;
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void crypto_wipe(void *p, size_t n)
{
	OPENSSL_cleanse(p, n);
}
