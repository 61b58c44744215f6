/* Clients and their secrets, as m2mctl shows and changes them. */
#ifndef M2M_STORE_CTL_CLIENT_H
#define M2M_STORE_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/master_ring.h"
#include "store/ctl_db.h"

struct client {
	struct str client_id;
	struct uuid organization_id;
	struct str organization; /* its slug */
	bool is_default;
	struct str name;
	struct str roles, scopes, audiences; /* each joined with spaces; the first audience is the default */
	int32_t token_lifetime;              /* seconds */
	int32_t secret_version;
	struct str hint; /* the last characters of the current secret */
	int64_t secret_created_at;
	int64_t created_at;
	int64_t disabled_at; /* 0: enabled */
};

struct words {
	const struct str *v; /* NULL: not given */
	size_t n;
};

struct client_spec {
	struct str name;
	struct words roles, scopes, audiences;
	int32_t token_lifetime; /* 0: not given */
};

/* By client id, or, when that is absent, the default client of the organization (slug or id). With both, the client must be the
 * organization's. ERR_NOT_FOUND. */
MUST_CHECK enum err ctl_client_find(struct ctl_db *db, struct str client_id, struct str org, struct client *ret);

/* What isn't given in `spec` stays. */
MUST_CHECK enum err ctl_client_set(struct ctl_db *db, const struct client *client, const struct client_spec *spec);
MUST_CHECK enum err ctl_client_set_disabled(struct ctl_db *db, const struct client *client, bool disabled);

struct client_secret {
	struct str client_id;
	struct str secret; /* in the connection's arena, which whoever made it wipes */
	struct str hint;
	int32_t version;
	int64_t created_at;
	int64_t previous_expires_at; /* after a rotation: 0 without grace */
};

/* Derives the current secret and checks it against the stored verifier; the reading is recorded, refused or not. ERR_NOT_FOUND: disabled, or
 * its organization is; ERR_KEY_MISSING: the ring lacks its key; ERR_MISMATCH: the ring's key or the row isn't the one that the verifier was made with. */
MUST_CHECK enum err ctl_secret_read(struct ctl_db *db, const struct master_ring *ring, const struct client *client,
				    struct client_secret *ret);

/* A new secret; every earlier one ends after `grace_seconds` (0: at once). ERR_CONFLICT: others won the race ten times. */
MUST_CHECK enum err ctl_secret_rotate(struct ctl_db *db, const struct master_ring *ring, const struct client *client, int32_t grace_seconds,
				      struct client_secret *ret);

#endif
