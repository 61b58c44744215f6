/* Organizations, as m2mctl makes, shows and stops them. */
#ifndef M2M_OPERATOR_ORG_H
#define M2M_OPERATOR_ORG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/master_ring.h"
#include "operator/client.h"
#include "operator/db.h"

/* Makes the organization, its default client and the client's first secret. ERR_EXISTS;
 * ERR_MISMATCH: the ring's key isn't the database's. */
MUST_CHECK enum err operator_org_create(struct operator_db *db, const struct master_ring *ring, const struct org_spec *spec,
					struct org *ret, struct client_secret *ret_secret);

/* By slug or id. ERR_NOT_FOUND. */
MUST_CHECK enum err operator_org_find(struct operator_db *db, struct str slug_or_id, struct org *ret);
MUST_CHECK enum err operator_org_list(struct operator_db *db, const struct org **ret, size_t *ret_n);

/* What isn't given stays; *ret is the organization afterwards. A disabled one's clients and
 * operators' tokens may do nothing. ERR_NOT_FOUND; ERR_EXISTS: issuer and external id are
 * another's. */
MUST_CHECK enum err operator_org_change(struct operator_db *db, struct str slug_or_id, const struct org_change *change, struct org *ret);

/* With its clients, whose secrets end at once. Its rows stay for the audit; its slug may be
 * given again. *ret is what it was. ERR_NOT_FOUND. */
MUST_CHECK enum err operator_org_delete(struct operator_db *db, struct str slug_or_id, struct org *ret);

#endif
