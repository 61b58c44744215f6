/* Master keys as the database knows them (m2m.key_check). */
#ifndef M2M_OPERATOR_KEY_H
#define M2M_OPERATOR_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/master_ring.h"
#include "operator/db.h"

/* Makes every key of the ring known. ERR_MISMATCH: the database knows another key under this
 * name. *ret_new counts those that were new. */
MUST_CHECK enum err operator_key_register(struct operator_db *db, const struct master_ring *ring, unsigned *ret_new);

/* The same question without writing. *ret_unknown counts the ring's keys that the database
 * doesn't know yet. */
MUST_CHECK enum err operator_key_compare(struct operator_db *db, const struct master_ring *ring, unsigned *ret_unknown);

/* A master key that the database or the ring knows, and what still needs it. */
struct master_key_row {
	struct str key_id;
	bool on_ring, active;  /* active: new secrets and signing keys are made under it */
	int64_t registered_at; /* microseconds since 1970; 0: not known to the database */
	int64_t live_secrets, signing_keys;
};

/* In the order of their registration. */
MUST_CHECK enum err operator_key_use(struct operator_db *db, const struct master_ring *ring, const struct master_key_row **ret,
				     size_t *ret_n);

#endif
