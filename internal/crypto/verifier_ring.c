#include "crypto/verifier_ring.h"

#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "crypto/algorithms.h"

struct verifier_ring {
	unsigned n;
	EVP_MAC_CTX *keyed[MASTER_RING_MAX];
};

static bool make(struct verifier_ring *v, const char *message, size_t n, uint8_t *out)
{
	bool good = true;
	for (unsigned i = 0; good && i < v->n; i++) {
		EVP_MAC_CTX *ctx = v->keyed[i];
		/* without a key: begins anew under the one it has */
		good = EVP_MAC_init(ctx, NULL, 0, NULL) == 1 && EVP_MAC_update(ctx, (const unsigned char *)message, n) == 1 &&
		       EVP_MAC_final(ctx, out + (size_t)i * SHA256_LEN, NULL, SHA256_LEN) == 1;
	}
	return good;
}

/* OpenSSL before 3.0.3 goes on where it was, instead of beginning anew. */
static bool begins_anew(struct verifier_ring *v)
{
	const char message[CLIENT_ID_LEN + 1 + SECRET_LEN] = {0};
	uint8_t first[MASTER_RING_MAX * SHA256_LEN], second[MASTER_RING_MAX * SHA256_LEN];
	return make(v, message, sizeof message, first) && make(v, message, sizeof message, second) &&
	       crypto_equal(first, second, (size_t)v->n * SHA256_LEN);
}

enum err verifier_ring_new(const struct master_ring *ring, struct verifier_ring **ret)
{
	struct verifier_ring *v = calloc(1, sizeof *v);
	for (; v != NULL && v->n < ring->n; v->n++) {
		v->keyed[v->n] = EVP_MAC_CTX_dup(crypto_algorithms()->hmac_sha256);
		if (v->keyed[v->n] == NULL || EVP_MAC_init(v->keyed[v->n], ring->keys[v->n].verifier_key, SHA256_LEN, NULL) != 1) {
			EVP_MAC_CTX_free(v->keyed[v->n]);
			verifier_ring_free(v);
			ERR_clear_error();
			return ERR_NO_MEMORY;
		}
	}
	if (v == NULL)
		return ERR_NO_MEMORY;
	if (!begins_anew(v)) {
		verifier_ring_free(v);
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	*ret = v;
	return ERR_OK;
}

void verifier_ring_free(struct verifier_ring *v)
{
	if (v == NULL)
		return;
	for (unsigned i = 0; i < v->n; i++)
		EVP_MAC_CTX_free(v->keyed[i]);
	free(v);
}

enum err verifier_ring_make(struct verifier_ring *v, struct str client_id, struct str secret, uint8_t *out)
{
	char message[SECRET_MESSAGE_MAX];
	size_t n = 0;
	enum err err = secret_message(client_id, secret, message, &n);
	if (err == ERR_OK && !make(v, message, n, out))
		err = ERR_CRYPTO;
	crypto_wipe(message, n);
	if (err == ERR_CRYPTO)
		ERR_clear_error();
	return err;
}
