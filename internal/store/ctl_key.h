/* Master keys as the database knows them (m2m.key_check) and signing keys (m2m.signing_key). */
#ifndef M2M_STORE_CTL_KEY_H
#define M2M_STORE_CTL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/master_ring.h"
#include "crypto/signing_key.h"
#include "store/ctl_db.h"

/* Makes every key of the ring known. ERR_MISMATCH: the database knows another key under this name. *ret_new counts those that were new. */
MUST_CHECK enum err ctl_key_register(struct ctl_db *db, const struct master_ring *ring, unsigned *ret_new);

/* The same question without writing. *ret_unknown counts the ring's keys that the database doesn't know yet. */
MUST_CHECK enum err ctl_key_compare(struct ctl_db *db, const struct master_ring *ring, unsigned *ret_unknown);

/* Makes the first signing key, active from now on, unless there is any. *ret_kid is absent when there was. */
MUST_CHECK enum err ctl_signing_key_ensure(struct ctl_db *db, const struct master_ring *ring, enum jwt_alg alg, struct str *ret_kid);

struct signing_key_row {
	struct str kid, alg, state, public_jwk, seal_key_id;
	bool current; /* signs at this moment */
	int64_t created_at, active_from;
};

/* All of them, newest first; of one kid (ERR_NOT_FOUND: not there). */
MUST_CHECK enum err ctl_signing_key_list(struct ctl_db *db, const struct signing_key_row **ret, size_t *ret_n);
MUST_CHECK enum err ctl_signing_key_find(struct ctl_db *db, struct str kid, struct signing_key_row *ret);

#endif
