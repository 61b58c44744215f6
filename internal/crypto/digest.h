/* Random bytes, SHA-256, HMAC-SHA-256, comparison and wiping: the small tools the rest of
 * crypto, store and op stand on. */
#ifndef M2M_CRYPTO_DIGEST_H
#define M2M_CRYPTO_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define SHA256_LEN 32

/* Fetches every algorithm once (EVP_MD_fetch and friends); call before any thread starts.
 * ERR_CRYPTO if a provider lacks one. Idempotent. */
MUST_CHECK enum err crypto_init(void);
/* Releases what crypto_init fetched, so that leak checkers see a clean exit. */
void crypto_fini(void);

MUST_CHECK enum err crypto_random(void *out, size_t n);
MUST_CHECK enum err sha256(const void *p, size_t n, uint8_t out[SHA256_LEN]);
MUST_CHECK enum err hmac_sha256(const uint8_t key[32], const void *p, size_t n, uint8_t out[SHA256_LEN]);
bool crypto_equal(const void *a, const void *b, size_t n); /* constant time */
void crypto_wipe(void *p, size_t n);

#endif
