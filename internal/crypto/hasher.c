#include "crypto/hasher.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "base/starved.h"
#include "crypto/algorithms.h"

struct hasher {
	EVP_MD_CTX *ctx;
};

struct hasher *hasher_new(void)
{
	struct hasher *h = starved_unless(calloc(1, sizeof *h));
	if (h == NULL)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	if (h->ctx != NULL)
		return h;
	free(h);
	return NULL;
}

void hasher_free(struct hasher *h)
{
	if (h != NULL)
		EVP_MD_CTX_free(h->ctx);
	free(h);
}

enum err hasher_sha256(struct hasher *h, const struct str *parts, size_t n, uint8_t out[SHA256_LEN])
{
	bool done = EVP_DigestInit_ex2(h->ctx, crypto_algorithms()->sha256, NULL) == 1;
	for (size_t i = 0; done && i < n; i++)
		done = EVP_DigestUpdate(h->ctx, parts[i].p, parts[i].n) == 1;
	if (done && EVP_DigestFinal_ex(h->ctx, out, NULL) == 1)
		return ERR_OK;
	ERR_clear_error();
	return ERR_CRYPTO;
}
