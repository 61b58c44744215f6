/* A new client's first secret, for the acts that make clients. Private to operator/. */
#ifndef M2M_OPERATOR_CREDENTIAL_H
#define M2M_OPERATOR_CREDENTIAL_H

#include "operator/client.h"
#include "operator/exec.h"
#include "sql/credential_statement.h"

/* A new client's id and first secret, under the ring's active key, which the database knows
 * afterwards.
 * *ret_fresh is what the database keeps. The caller wipes `secret`. */
MUST_CHECK enum err operator_credential_first(struct operator_db *db, const struct master_ring *ring, const struct uuid *organization_id,
					      char secret[SECRET_LEN], struct credential_new *ret_fresh);

/* The same for a person, in the connection's arena. */
struct client_secret operator_credential_told(struct operator_db *db, const struct credential_new *fresh, const char secret[SECRET_LEN],
					      int64_t created_at);

#endif
