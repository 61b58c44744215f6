/* Wrapping signing keys for the database: AES-256-GCM under a master key's wrapping key.
 * Wrapped form: 12-byte random nonce || ciphertext || 16-byte tag. `aad` binds it to its row
 * (the kid). The columns sealed and seal_key_id of m2m.signing_key have it, and `m2mctl key
 * reseal` renews it. */
#ifndef M2M_CRYPTO_KEY_WRAP_H
#define M2M_CRYPTO_KEY_WRAP_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "crypto/master_ring.h"

#define KEY_WRAP_OVERHEAD 28

/* *ret is taken from `a`. */
MUST_CHECK enum err key_wrap(struct arena *a, const struct master_key *key, struct str aad, struct str plain, struct str *ret);

/* ERR_MISMATCH: wrong key, wrong aad or changed bytes. *ret is taken from `a`, which the caller
 * should wipe. */
MUST_CHECK enum err key_unwrap(struct arena *a, const struct master_key *key, struct str aad, struct str wrapped, struct str *ret);

#endif
