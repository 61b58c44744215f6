/* Not the hot path: secrets are derived when they are made or read, subkeys at start. */
#include "crypto/kbkdf.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

#include "crypto/algorithms.h"

/* OSSL_PARAM's constructors want what is only read without const. */
static OSSL_PARAM octets(const char *name, const void *p, size_t n)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)p, n);
}

enum err kbkdf_hmac_sha256(const uint8_t key[KBKDF_KEY_LEN], struct str label, struct str context, uint8_t out[KBKDF_KEY_LEN])
{
	char mode[] = "counter", mac[] = "HMAC", digest[] = "SHA256";
	OSSL_PARAM params[7];
	size_t n = 0;

	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0);
	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0);
	params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	params[n++] = octets(OSSL_KDF_PARAM_KEY, key, KBKDF_KEY_LEN);
	params[n++] = octets(OSSL_KDF_PARAM_SALT, label.p, label.n);
	if (context.n > 0)
		params[n++] = octets(OSSL_KDF_PARAM_INFO, context.p, context.n);
	params[n] = OSSL_PARAM_construct_end();

	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(crypto_algorithms()->kbkdf);
	bool done = ctx != NULL && EVP_KDF_derive(ctx, out, KBKDF_KEY_LEN, params) == 1;
	EVP_KDF_CTX_free(ctx);
	return done ? ERR_OK : ERR_CRYPTO;
}
