/* m2mctl's connection: blocking, one at a time, every act in a transaction as the role
 * m2m_owner. The gateway has its own, non-blocking one.
 *
 * Functions that take a struct operator_db answer an enum err and leave a sentence for a person
 * in operator_why:
 *   ERR_STORE_UNAVAILABLE  the database can't be reached, or can't do it now
 *   ERR_FORBIDDEN          the database doesn't let this login in, or it has not the owner's rights
 *   ERR_NOT_FOUND          the named thing is not there
 *   ERR_MISMATCH refused: a schema, a master key or a checksum that is not the expected one
 *   ERR_EXISTS the name is taken others the act failed */
#ifndef M2M_OPERATOR_DB_H
#define M2M_OPERATOR_DB_H

#include "base/arena.h"
#include "base/str.h"

struct operator_db;

/* Connects over `url`; `actor` is who the audit names. *ret lives in `a` and is set on failure
 * too, to carry the sentence; NULL only when memory is out. */
MUST_CHECK enum err operator_open(struct arena *a, struct str url, struct str actor, struct operator_db **ret);
void operator_close(struct operator_db *db); /* NULL is allowed */

/* Why the last call failed: no newline, no secret. */
const char *operator_why(const struct operator_db *db);

/* The login and server of this connection: "m2m_admin at 127.0.0.1:5432/m2m". */
struct str operator_describe(const struct operator_db *db);

/* ERR_MISMATCH unless the database has exactly the schema that this program was built with. */
MUST_CHECK enum err operator_require_schema(struct operator_db *db);

/* From now on answers live in `a`; returns what they lived in before. For loops, which would
 * fill the first one. */
struct arena *operator_swap_arena(struct operator_db *db, struct arena *a);

#endif
