/* P-256 signatures of many digests at once (FIPS 186-5 section 6.4.1), each at little more than
 * half the cost of one made alone.
 *
 * Of a lone signature nearly half are two inversions: of the nonce, and of the curve point's
 * last coordinate. Many numbers are inverted for the price of one and three multiplications each
 * (Montgomery's trick), so a batch shares both. What touches the key or a nonce is OpenSSL's
 * arithmetic in a time that doesn't depend on them (but for a leading word of zeros, once in
 * 2^64 numbers). The nonces are drawn as its own signatures draw them: from its generator, the
 * private key and the digest together, so that even a generator that repeats itself repeats a
 * nonce only for the same digest, which gives nothing away. A batch leaves nothing of them
 * behind. */
#ifndef M2M_CRYPTO_ECDSA_BATCH_H
#define M2M_CRYPTO_ECDSA_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

#define ECDSA_BATCH_MAX 32
#define ECDSA_BATCH_MIN 4 /* fewer cost less one by one */

struct ecdsa_batch; /* one thread's */

/* For a private P-256 key, which it copies. NULL: out of memory. group_signer_new asks whether
 * the key's provider leaves us its arithmetic. */
struct ecdsa_batch *ecdsa_batch_new(const EVP_PKEY *pkey);
void ecdsa_batch_free(struct ecdsa_batch *b); /* NULL is allowed */

/* Signs the `n` digests, 1 to ECDSA_BATCH_MAX. ERR_CRYPTO: `signatures` is undefined, all of it. */
MUST_CHECK enum err ecdsa_batch_sign(struct ecdsa_batch *b, const uint8_t (*digests)[SHA256_LEN], size_t n,
				     uint8_t (*signatures)[ECDSA_RAW_LEN]);

#endif
