/* Replaced secrets that are still in their grace, as m2mctl shows and ends them. */
#ifndef M2M_OPERATOR_ROTATION_H
#define M2M_OPERATOR_ROTATION_H

#include "operator/db.h"
#include "sql/org.h"
#include "sql/rotation_statement.h"

/* In the connection's arena. ERR_NOT_FOUND: the client or its organization is disabled. */
MUST_CHECK enum err operator_rotation_read(struct operator_db *db, const struct client *client, struct grace_list *ret);

/* ERR_NOT_FOUND, also: no such version is in its grace. ERR_INVALID_REQUEST: it can't have that
 * end. Both are recorded. */
MUST_CHECK enum err operator_rotation_change(struct operator_db *db, const struct client *client, const struct grace_change *change);

struct ended_secret {
	struct str client_id;
	int32_t version;
	int64_t last_used_at; /* 0: not since it was replaced */
};

/* Ends the versions that are due and unused, whatever their clients' tokens cost to look through,
 * each in a transaction of its own: what gateways do by themselves. */
MUST_CHECK enum err operator_end_unused(struct operator_db *db, const struct ended_secret **ret, size_t *ret_n);

#endif
