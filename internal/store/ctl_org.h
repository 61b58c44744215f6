/* Organizations, as m2mctl makes, shows and stops them. */
#ifndef M2M_STORE_CTL_ORG_H
#define M2M_STORE_CTL_ORG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/master_ring.h"
#include "store/ctl_client.h"
#include "store/ctl_db.h"

struct org {
	struct uuid organization_id;
	struct str slug, name;
	struct str issuer, external_id; /* of an outside issuer; external_id is absent without one */
	struct str client_id;           /* of its default client */
	int64_t created_at;
	int64_t disabled_at; /* 0: enabled */
};

struct org_spec {
	struct str slug, name;
	struct str issuer, external_id;
	struct client_spec client; /* of the default client; everything must be given */
};

/* Makes the organization, its default client and the client's first secret. ERR_EXISTS; ERR_MISMATCH: the ring's key isn't the database's. */
MUST_CHECK enum err ctl_org_create(struct ctl_db *db, const struct master_ring *ring, const struct org_spec *spec, struct org *ret,
				   struct client_secret *ret_secret);

/* By slug or id. ERR_NOT_FOUND. */
MUST_CHECK enum err ctl_org_find(struct ctl_db *db, struct str slug_or_id, struct org *ret);
MUST_CHECK enum err ctl_org_list(struct ctl_db *db, const struct org **ret, size_t *ret_n);

/* Stops, or lets again, everything that the organization's clients and operators' tokens may do. */
MUST_CHECK enum err ctl_org_set_disabled(struct ctl_db *db, struct str slug_or_id, bool disabled, struct org *ret);

#endif
