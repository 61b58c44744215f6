/* nonce || ciphertext || tag, written straight into the caller's arena. */
#include "crypto/key_wrap.h"

#include <limits.h>

#include <openssl/err.h>

#include "crypto/algorithms.h"
#include "crypto/digest.h"

#define NONCE_LEN 12
#define TAG_LEN   16

_Static_assert(NONCE_LEN + TAG_LEN == KEY_WRAP_OVERHEAD, "wrapped form");

static void free_ctx(EVP_CIPHER_CTX **ctx)
{
	EVP_CIPHER_CTX_free(*ctx);
}

enum err key_wrap(struct arena *a, const struct master_key *key, struct str aad, struct str plain, struct str *ret)
{
	__attribute__((cleanup(free_ctx))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, tail = 0;

	if (plain.n > INT_MAX - KEY_WRAP_OVERHEAD || aad.n > INT_MAX)
		return ERR_TOO_LARGE;
	uint8_t *nonce = arena_alloc(a, plain.n + KEY_WRAP_OVERHEAD);
	if (nonce == NULL || ctx == NULL)
		return ERR_NO_MEMORY;
	uint8_t *ciphertext = nonce + NONCE_LEN;
	uint8_t *tag = ciphertext + plain.n;

	enum err err = crypto_random(nonce, NONCE_LEN);
	if (err != ERR_OK)
		return err;
	if (EVP_EncryptInit_ex2(ctx, crypto_algorithms()->aes_256_gcm, key->wrap_key, nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) != 1 ||
	    EVP_EncryptUpdate(ctx, ciphertext, &n, (const uint8_t *)plain.p, (int)plain.n) != 1 ||
	    EVP_EncryptFinal_ex(ctx, ciphertext + n, &tail) != 1 || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_LEN, tag) != 1) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	*ret = str_from(nonce, plain.n + KEY_WRAP_OVERHEAD);
	return ERR_OK;
}

enum err key_unwrap(struct arena *a, const struct master_key *key, struct str aad, struct str wrapped, struct str *ret)
{
	__attribute__((cleanup(free_ctx))) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, tail = 0;

	if (wrapped.n < KEY_WRAP_OVERHEAD)
		return ERR_MISMATCH;
	if (wrapped.n > INT_MAX || aad.n > INT_MAX)
		return ERR_TOO_LARGE;
	size_t plain_n = wrapped.n - KEY_WRAP_OVERHEAD;
	uint8_t *plain = arena_alloc(a, plain_n);
	if (plain == NULL || ctx == NULL)
		return ERR_NO_MEMORY;
	const uint8_t *nonce = (const uint8_t *)wrapped.p;
	const uint8_t *ciphertext = nonce + NONCE_LEN;
	uint8_t tag[TAG_LEN];
	memcpy(tag, ciphertext + plain_n, TAG_LEN);

	if (EVP_DecryptInit_ex2(ctx, crypto_algorithms()->aes_256_gcm, key->wrap_key, nonce, NULL) != 1 ||
	    EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad.p, (int)aad.n) != 1 ||
	    EVP_DecryptUpdate(ctx, plain, &n, ciphertext, (int)plain_n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1 || EVP_DecryptFinal_ex(ctx, plain + n, &tail) != 1) {
		/* GCM deciphers before it knows: nobody may see what failed */
		crypto_wipe(plain, plain_n);
		ERR_clear_error();
		return ERR_MISMATCH;
	}
	*ret = str_from(plain, plain_n);
	return ERR_OK;
}
