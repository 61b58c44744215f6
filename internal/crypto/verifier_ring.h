/* What a presented secret is checked with: one verifier for each master key of the ring, as
 * secret_verifier makes it, but with keys that were made ready once, since this is done for
 * every request. Belongs to one thread. */
#ifndef M2M_CRYPTO_VERIFIER_RING_H
#define M2M_CRYPTO_VERIFIER_RING_H

#include "crypto/secret.h"

struct verifier_ring;

/* ERR_NO_MEMORY; ERR_CRYPTO: this OpenSSL (before 3.0.3) can't do it. Nothing of `ring` is
 * borrowed. */
MUST_CHECK enum err verifier_ring_new(const struct master_ring *ring, struct verifier_ring **ret);
void verifier_ring_free(struct verifier_ring *v); /* NULL is allowed */

/* SHA256_LEN bytes for each key into `out`, in the ring's order. ERR_MALFORMED: client_id or
 * secret has not the length of one; ERR_CRYPTO. */
MUST_CHECK enum err verifier_ring_make(struct verifier_ring *v, struct str client_id, struct str secret, uint8_t *out);

#endif
