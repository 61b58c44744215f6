/* Clients and their secrets, as m2mctl shows and changes them. */
#ifndef M2M_OPERATOR_CLIENT_H
#define M2M_OPERATOR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/master_ring.h"
#include "operator/db.h"
#include "sql/org.h"

/* By client id, or, when that is absent, the default client of the organization (slug or id).
 * With both, the client must be the organization's. ERR_NOT_FOUND. */
MUST_CHECK enum err operator_client_find(struct operator_db *db, struct str client_id, struct str org, struct client *ret);

struct client_secret {
	struct str client_id;
	struct str secret; /* in the connection's arena, which whoever made it wipes */
	struct str hint;
	int32_t version;
	int64_t created_at;
	int64_t expires_at;          /* 0: it has no end */
	int64_t previous_expires_at; /* after a rotation: 0 without grace */
	int32_t previous_unused_for; /* seconds; 0: its end alone ends it */
};

/* Of one organization (slug or id), in the order of their ids. `expiring`: seconds, those alone
 * whose secret ends within them or has ended; 0: all. ERR_NOT_FOUND: no such organization. */
MUST_CHECK enum err operator_client_list(struct operator_db *db, struct str org, int32_t expiring, const struct client **ret,
					 size_t *ret_n);
/* Those of all organizations, the one whose secret ends first comes first. */
MUST_CHECK enum err operator_client_list_expiring(struct operator_db *db, int32_t expiring, const struct client **ret, size_t *ret_n);

/* Another client of the organization, with its first secret. ERR_NOT_FOUND; ERR_MISMATCH: the
 * ring's key isn't the database's. */
MUST_CHECK enum err operator_client_create(struct operator_db *db, const struct master_ring *ring, struct str org,
					   const struct client_spec *spec, struct client *ret, struct client_secret *ret_secret);

/* What isn't given in `change` stays; *ret is the client afterwards. */
MUST_CHECK enum err operator_client_change(struct operator_db *db, const struct client *client, const struct client_spec *change,
					   struct client *ret);

/* Its secrets end at once. ERR_DEFAULT_CLIENT: it is its organization's default. */
MUST_CHECK enum err operator_client_delete(struct operator_db *db, const struct client *client);

/* Derives the current secret and checks it against the stored verifier; the reading is recorded,
 * refused or not. ERR_NOT_FOUND: disabled, or its organization is; ERR_SECRET_ENDED;
 * ERR_KEY_MISSING: the ring lacks its key; ERR_MISMATCH: the ring's key or the row isn't the one
 * that the verifier was made with. */
MUST_CHECK enum err operator_secret_read(struct operator_db *db, const struct master_ring *ring, const struct client *client,
					 struct client_secret *ret);

/* What of a rotation may be chosen. */
struct secret_rotation {
	int32_t grace_seconds;
	int32_t unused_for; /* seconds; 0: not given */
	bool revoke_tokens;
	struct secret_end end; /* of the new version */
};

/* A new secret; every earlier one ends after `grace_seconds` (0: at once), the last one before
 * that when it has given no token for `unused_for`, and with `revoke_tokens` the tokens that they
 * gave until now end. ERR_CONFLICT: others won the race ten times. */
MUST_CHECK enum err operator_secret_rotate(struct operator_db *db, const struct master_ring *ring, const struct client *client,
					   const struct secret_rotation *rotation, struct client_secret *ret);

#endif
