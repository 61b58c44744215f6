/* Signing keys on their way into the database and out of it: a private part never leaves these
 * functions but wrapped, or as a key to sign with. What they read in clear is in memory of their
 * own, which is wiped. */
#ifndef M2M_CRYPTO_WRAPPED_KEY_H
#define M2M_CRYPTO_WRAPPED_KEY_H

#include "base/arena.h"
#include "crypto/master_ring.h"
#include "crypto/signing_key.h"

/* As a row of m2m.signing_key has it. */
struct wrapped_key {
	struct str kid;
	struct str bytes;  /* PKCS#8 DER, wrapped with the kid as aad */
	struct str key_id; /* of the master key that it is wrapped with */
};

/* A new one, as its row will have it. */
struct made_key {
	struct str kid, alg, public_jwk, wrapped, master_key_id;
};

/* *ret is taken from `a`. ERR_NOT_PRESENT for a public key. */
MUST_CHECK enum err wrapped_key_make(struct arena *a, const struct master_key *master, const struct signing_key *key, struct str *ret);

/* The caller frees *ret. ERR_KEY_MISSING: the ring lacks the master key. ERR_MISMATCH: the
 * master key is another one, the bytes were changed, or the key isn't the one that the row's kid
 * names. ERR_MALFORMED: no key of `alg`. */
MUST_CHECK enum err wrapped_key_open(const struct master_ring *ring, enum jwt_alg alg, const struct wrapped_key *w,
				     struct signing_key **ret);

/* The same key under another master key. *ret is taken from `a`. ERR_KEY_MISSING, ERR_MISMATCH
 * as above. */
MUST_CHECK enum err wrapped_key_move(struct arena *a, const struct master_ring *ring, const struct wrapped_key *w,
				     const struct master_key *to, struct str *ret);

#endif
