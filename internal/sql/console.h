/* Console links and sessions: the statements' parameters, and the rows that they answer. Codes and
 * tokens are made as the portal's (sql/portal.h). */
#ifndef M2M_SQL_CONSOLE_H
#define M2M_SQL_CONSOLE_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "sql/origin.h"
#include "sql/portal.h"

/* What an operator may do in the console. Reading is always in. */
enum console_right {
	CONSOLE_READ = 1U << 0,
	CONSOLE_ORGANIZATIONS = 1U << 1,
	CONSOLE_CLIENTS = 1U << 2,
	CONSOLE_REVEAL = 1U << 3,
	CONSOLE_KEYS = 1U << 4,
	CONSOLE_AUDIT = 1U << 5,
};

#define CONSOLE_RIGHTS      6
#define CONSOLE_ALL         ((1U << CONSOLE_RIGHTS) - 1)
#define CONSOLE_RIGHTS_TEXT "read, organizations, clients, reveal, keys and audit"

/* 0: there is no such word. */
unsigned console_right_of(struct str word);
/* The words of a set, into `out`; how many. */
size_t console_right_words(unsigned may, struct str out[CONSOLE_RIGHTS]);

struct console_link_spec {
	struct str actor;
	unsigned may; /* 0: everything */
	int32_t ttl;  /* seconds; 0: not given */
};

/* Completes it: what it opens, and how long it is good for. Answers what is wrong with it (static),
 * or NULL. */
const char *console_link_complete(struct console_link_spec *spec);

struct console_session {
	struct uuid session_id; /* zero: an operator's token in a session's place */
	struct str actor;
	unsigned may;
	int64_t made_at, last_used_at, idle_expires_at, expires_at; /* microseconds since 1970 */
};

void console_put_link(struct pg_params *p, const struct origin *origin, const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN],
		      const struct console_link_spec *spec);
/* The origin's actor isn't taken: the link has its own. */
void console_put_open(struct pg_params *p, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		      const uint8_t token_hash[SHA256_LEN]);
/* Two parameters: the hash of the session's or of the operator's token bytea, and the latter's id
 * uuid, or null. */
void console_put_proof(struct pg_params *p, const struct operator_proof *by);
/* Eight parameters, of what holds the operator live itself: those of console_put_proof, and actor
 * text, request_id uuid, transport "char", remote_addr text, user_agent text, traceparent text. */
void console_put_operator(struct pg_params *p, const struct origin *origin);
/* `session_id` NULL: all of `actor`'s, an operator's name. */
void console_put_end(struct pg_params *p, const struct origin *origin, const struct uuid *session_id, struct str actor);

/* The rows' texts are copied into `a`. The first row's outcome is the error; NO_MEMORY. */
MUST_CHECK enum err console_take_sessions(const PGresult *r, struct arena *a, const struct console_session **ret, size_t *ret_n);

#endif
