/* Reading and rotating an organization's credentials. Each is one statement, so that the act and
 * its audit row commit together (sql_sql.h). */
#ifndef M2M_STORE_CREDENTIAL_H
#define M2M_STORE_CREDENTIAL_H

#include "sql/credential_statement.h"
#include "store/store.h"

/* `c` and its strings end when the callback returns. err: ERR_OK, INVALID_TOKEN, FORBIDDEN,
 * CLIENT_NOT_FOUND, KEY_MISSING, IDEMPOTENCY_KEY_REUSED, CONFLICT, STORE_UNAVAILABLE, INTERNAL.
 * `c` is NULL unless ERR_OK. */
typedef void credential_done(void *arg, enum err err, const struct credential *c);

/* Each answers ERR_OK when the statement is on its way, else ERR_STORE_UNAVAILABLE,
 * ERR_OVERLOADED or ERR_TOO_LARGE, and `done` isn't called. client_id: one of the clients of the
 * bearer's organization; absent: its default one. */
MUST_CHECK enum err credential_read_client_id(struct store *s, const struct bearer *bearer, credential_done *done, void *arg);
MUST_CHECK enum err credential_read_secret(struct store *s, const struct bearer *bearer, const struct origin *origin, struct str client_id,
					   credential_done *done, void *arg);

/* Answers the version to be replaced, or a replay. */
MUST_CHECK enum err credential_rotate_begin(struct store *s, const struct bearer *bearer, const struct origin *origin,
					    const struct credential_rotation *rotation, credential_done *done, void *arg);

/* The compare-and-set. ERR_CONFLICT: the version moved on; begin again. In `c` only created_us
 * and previous_expires_us count. */
MUST_CHECK enum err credential_rotate(struct store *s, const struct bearer *bearer, const struct origin *origin,
				      const struct credential_rotation *rotation, const struct credential_new *fresh, credential_done *done,
				      void *arg);

#endif
