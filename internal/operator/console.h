/* Console links, sessions and operators' tokens, as m2mctl makes, shows and ends them. */
#ifndef M2M_OPERATOR_CONSOLE_H
#define M2M_OPERATOR_CONSOLE_H

#include "operator/db.h"
#include "sql/console.h"

/* The URL below `public_url`, in the connection's arena. Recorded. */
MUST_CHECK enum err operator_console_link(struct operator_db *db, const struct console_link_spec *spec, struct str public_url,
					  struct str *ret_url, int64_t *ret_expires_at);

/* The live ones, the newest first; OPERATOR_CONSOLE_SESSIONS at most. */
#define OPERATOR_CONSOLE_SESSIONS 1000
MUST_CHECK enum err operator_console_sessions(struct operator_db *db, const struct console_session **ret, size_t *ret_n);

/* ERR_NOT_FOUND: there is no such session. Recorded. */
MUST_CHECK enum err operator_console_end(struct operator_db *db, const struct uuid *session_id, int64_t *ret_ended);
/* All that the operator of this name has: sessions, links that weren't used, tokens with the role
 * operator. Each is recorded. */
MUST_CHECK enum err operator_console_end_operator(struct operator_db *db, struct str actor, int64_t *ret_ended);

#endif
