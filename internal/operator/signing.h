/* Signing keys as the operator handles them: made, published, put to use, taken out of use,
 * sealed anew. The view m2m.signing_keys says what holds of each at a moment; here is what is
 * asked for.
 *
 * Whoever verifies keeps the JWKS for M2M_JWKS_MAX_AGE, and a gateway notices a new key within
 * its poll: so a key may sign once it has been published for longer than both together. */
#ifndef M2M_OPERATOR_SIGNING_H
#define M2M_OPERATOR_SIGNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/master_ring.h"
#include "crypto/signing_key.h"
#include "operator/db.h"

#define SIGNING_POLL_S 5 /* the gateways' */

struct signing_key_row {
	struct str kid, alg, state, public_jwk, wrap_key_id;
	bool current; /* signs at this moment */
	/* microseconds since 1970; 0: not set. active_from INT64_MAX: not before somebody says
	 * so */
	int64_t created_at, active_from, retired_at, published_until, revoked_at;
};

/* Makes a first signing key, active from now on, unless one signs now. *ret_kid is absent when
 * one did. */
MUST_CHECK enum err operator_signing_key_ensure(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg,
						struct str *ret_kid);

/* All of them, newest first; of one kid (ERR_NOT_FOUND: not there). */
MUST_CHECK enum err operator_signing_key_list(struct operator_db *db, const struct signing_key_row **ret, size_t *ret_n);
MUST_CHECK enum err operator_signing_key_find(struct operator_db *db, struct str kid, struct signing_key_row *ret);

/* Publishes a new key, which will sign `delay_s` seconds from now, or, as a standby (negative),
 * when another key leaves. ERR_CONFLICT: a rotation is under way already. */
MUST_CHECK enum err operator_signing_key_rotate(struct operator_db *db, const struct master_ring *ring, enum jwt_alg alg, int64_t delay_s,
						struct signing_key_row *ret);

/* What follows when the key that signs now leaves. */
struct signing_successor {
	struct str kid; /* absent: the key that left didn't sign */
	bool fresh;     /* its publication is too young for verifiers to know it */
};

struct signing_departure {
	struct str kid;
	bool revoke;     /* else retire: it stays published until its last token has expired */
	int64_t known_s; /* how long a successor must have been published */
	/* else ERR_CONFLICT when there is no such successor; the youngest other one, or a new
	 * one, takes over instead */
	bool at_once;
	enum jwt_alg new_alg; /* of that new one */
};

/* ERR_NOT_FOUND; ERR_CONFLICT: it has left already, or nothing known can take its place. */
MUST_CHECK enum err operator_signing_key_leave(struct operator_db *db, const struct master_ring *ring,
					       const struct signing_departure *departure, struct signing_successor *ret);

/* Seals every key that isn't revoked under the ring's first key. `progress` (may be NULL) is
 * told how many of how many are done. ERR_MISMATCH: the ring lacks a key that one is sealed
 * under, or it doesn't open. *ret_n counts those that moved. */
typedef void operator_progress(void *arg, size_t done, size_t of);
MUST_CHECK enum err operator_signing_key_reseal(struct operator_db *db, const struct master_ring *ring, operator_progress *progress,
						void *arg, size_t *ret_n);

#endif
