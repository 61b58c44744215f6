/* Console links and sessions (migrations/0019). Nothing of a session is remembered: each use asks
 * PostgreSQL, which says whether it is live, and each act holds it live until it has committed
 * (origin.by). Callbacks come from the loop, exactly once, and never from inside the call. */
#ifndef M2M_STORE_CONSOLE_H
#define M2M_STORE_CONSOLE_H

#include "sql/console.h"
#include "store/store.h"

#define CONSOLE_PAGE_MAX 100

/* Borrowed until the callback returns. */
struct console_answer {
	const struct console_session *sessions;
	size_t n;
	bool more; /* of a list: it isn't all */
};
/* `a` is NULL unless `err` is ERR_OK. */
typedef void console_done(void *arg, enum err err, const struct console_answer *a);

/* One session; INVALID_TOKEN: the link was used or is over, or there never was one. */
MUST_CHECK enum err console_open(struct store *s, const struct origin *origin, const uint8_t code_hash[SHA256_LEN],
				 const struct uuid *session_id, const uint8_t token_hash[SHA256_LEN], console_done *done, void *arg);
/* One session, or what an operator's token stands for; INVALID_TOKEN: it isn't live. */
MUST_CHECK enum err console_use(struct store *s, const struct operator_proof *by, console_done *done, void *arg);
/* The newest first, those behind the place of `after` (NULL: from the newest). limit: 1 to
 * CONSOLE_PAGE_MAX. */
MUST_CHECK enum err console_list(struct store *s, int32_t limit, const struct console_session *after, console_done *done, void *arg);
/* NOT_FOUND: there is no such session. INVALID_TOKEN: who ends it has ended itself, by another one
 * perhaps. `origin` has `by`. */
MUST_CHECK enum err console_end(struct store *s, const struct origin *origin, const struct uuid *session_id, console_done *done, void *arg);

#endif
