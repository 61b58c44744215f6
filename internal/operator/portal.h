/* Portal links and sessions, as m2mctl makes, shows and ends them. */
#ifndef M2M_OPERATOR_PORTAL_H
#define M2M_OPERATOR_PORTAL_H

#include "operator/db.h"
#include "sql/org.h"
#include "sql/portal.h"

/* The URL below `public_url`, in the connection's arena. ERR_NOT_FOUND: the organization is
 * disabled. Recorded. */
MUST_CHECK enum err operator_portal_link(struct operator_db *db, const struct org *org, const struct portal_link_spec *spec,
					 struct str public_url, struct str *ret_url, int64_t *ret_expires_at);

/* The live ones, the newest first; a hundred at most. */
MUST_CHECK enum err operator_portal_sessions(struct operator_db *db, const struct org *org, const struct portal_session **ret,
					     size_t *ret_n);

/* NULL: all of the organization's. ERR_NOT_FOUND: it has no such session. Each is recorded. */
MUST_CHECK enum err operator_portal_end(struct operator_db *db, const struct org *org, const struct uuid *session_id, int64_t *ret_ended);

#endif
