/* SHA-256 many times over: one context that is used again, so that a hash of a few hundred bytes
 * costs little more than its blocks. One thread's. */
#ifndef M2M_CRYPTO_HASHER_H
#define M2M_CRYPTO_HASHER_H

#include "base/str.h"
#include "crypto/digest.h"

struct hasher;

struct hasher *hasher_new(void);    /* NULL: out of memory */
void hasher_free(struct hasher *h); /* NULL is allowed */

/* Of the `n` parts, one after another. `out` may be one of the parts. ERR_CRYPTO. */
MUST_CHECK enum err hasher_sha256(struct hasher *h, const struct str *parts, size_t n, uint8_t out[SHA256_LEN]);

#endif
