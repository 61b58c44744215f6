/* One worker's snapshot of the signing keys: the one to sign with, those to verify with, and the
 * JWKS document to publish. Immutable once built, which another thread may do; a change in the
 * database makes a new snapshot with the next generation. */
#ifndef M2M_CRYPTO_KEYSET_H
#define M2M_CRYPTO_KEYSET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "crypto/master_ring.h"
#include "crypto/signing_key.h"

/* A row of m2m.signing_key, without revoked ones. */
struct keyset_row {
	struct str kid;
	struct str alg;
	struct str public_jwk; /* JSON, as signing_key_public_jwk wrote it */
	struct str wrapped;    /* PKCS#8 DER, wrapped with the kid as aad */
	struct str wrap_key_id;
	bool current; /* the database says: sign with this one now. At most one row. */
};

struct keyset;

/* What came of reading the rows: a damaged row is left out, so that it takes no other with it. */
struct keyset_fault {
	/* ERR_OK: every row is good. ERR_MALFORMED, ERR_MISMATCH, ERR_CRYPTO: the row is damaged,
	 * or not what its kid says. ERR_KEY_MISSING: see below */
	enum err err;
	struct str kid; /* of the first such row; borrowed from it */
	/* what a faster way of signing made didn't verify: the current key signs in a
	 * simpler one */
	bool signs_simpler;
};

/* Unwraps the current row's private part, which then signs by the fastest way up to `way`, and
 * parses all. A row that isn't current is kept for
 * verification by its public part alone. When the ring lacks the key that the current row is
 * wrapped with, that one too is for verification only, and keyset_current is NULL:
 * ERR_KEY_MISSING is the fault then, whatever else there is. No current row is no fault;
 * keyset_current is NULL as well. ERR_NO_MEMORY. */
MUST_CHECK enum err keyset_build(const struct master_ring *ring, enum signing_way way, const struct keyset_row *rows, size_t n,
				 uint64_t generation, struct keyset **ret, struct keyset_fault *ret_fault);
void keyset_free(struct keyset *set); /* NULL is allowed */

uint64_t keyset_generation(const struct keyset *set);
struct signing_key *keyset_current(struct keyset *set);              /* NULL: none */
struct signing_key *keyset_find(struct keyset *set, struct str kid); /* NULL: unknown or revoked */
struct str keyset_jwks(const struct keyset *set);                    /* {"keys":[...]} (RFC 7517 section 5) */

#endif
