/* What libpq and PostgreSQL say, as a log line or a sentence takes it. Private to store/. */
#ifndef M2M_SQL_PG_MESSAGE_H
#define M2M_SQL_PG_MESSAGE_H

#include <libpq-fe.h>

#include "base/sbuf.h"

/* Appends the message on one line, its runs of spaces as one. A password that the connection was
 * opened with (out of its URL, its environment, a password file or a service file) becomes ***,
 * unless it is too short to be told from any other word, or the user, host or database is called
 * the same. `pg` may be NULL. */
void pg_message(const PGconn *pg, const char *message, struct sbuf *out);

/* The message's first line in `out`, which is returned, cut to what fits. */
#define PG_LINE 400
const char *pg_first_line(const PGconn *pg, const char *message, char out[PG_LINE]);

#endif
