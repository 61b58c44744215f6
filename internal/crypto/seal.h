/* Sealing signing keys for the database: AES-256-GCM under the ring's seal key.
 * Sealed form: 12-byte random nonce || ciphertext || 16-byte tag. `aad` binds the seal to its row (the kid). */
#ifndef M2M_CRYPTO_SEAL_H
#define M2M_CRYPTO_SEAL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "crypto/master_ring.h"

#define SEAL_OVERHEAD 28

/* *ret is taken from `a`. */
MUST_CHECK enum err seal(struct arena *a, const struct master_key *key, struct str aad, struct str plain, struct str *ret);

/* ERR_MISMATCH: wrong key, wrong aad or changed bytes. *ret is taken from `a`, which the caller should wipe. */
MUST_CHECK enum err unseal(struct arena *a, const struct master_key *key, struct str aad, struct str sealed, struct str *ret);

#endif
