/* Replaced secrets that are still in their grace: who uses them, and other ends for them. Each call
 * is one statement (sql/rotation_statement.h). */
#ifndef M2M_STORE_ROTATION_H
#define M2M_STORE_ROTATION_H

#include "sql/rotation_statement.h"
#include "store/store.h"

/* `list` ends when the callback returns; NULL unless ERR_OK, and without secrets after
 * rotation_change. err: ERR_OK, INVALID_TOKEN, FORBIDDEN, CLIENT_NOT_FOUND, STORE_UNAVAILABLE,
 * INTERNAL; of rotation_change also CONFLICT: none is in its grace, and INVALID_REQUEST: it can't
 * have that end. */
typedef void rotation_done(void *arg, enum err err, const struct grace_list *list);

/* Each answers ERR_OK when the statement is on its way; otherwise `done` isn't called. client_id
 * absent: the organization's default client. */
MUST_CHECK enum err rotation_read(struct store *s, const struct bearer *bearer, struct str client_id, rotation_done *done, void *arg);
MUST_CHECK enum err rotation_change(struct store *s, const struct bearer *bearer, const struct origin *origin, struct str client_id,
				    const struct grace_change *change, rotation_done *done, void *arg);

#endif
