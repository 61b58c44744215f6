/* How statements that are strings in C end many tokens at once: parts.sql says it. */
#ifndef M2M_SQL_TOKEN_END_SQL_H
#define M2M_SQL_TOKEN_END_SQL_H

#include "sql/parts_sql.h"

/* clang-format off */

#define TOKENS_NOT_BEFORE(at) PART_TOKENS_NOT_BEFORE(at)
#define LAST_TOKEN_EXPIRES(c, at) PART_LAST_TOKEN_EXPIRES(c, at)

/* `rows`: a select of (organization_id, client_id, secret_version, not_before, expires_at), each
 * key once. What ended earlier stays ended. */
#define SQL_END_TOKENS(rows) PART_END_TOKENS_BEGIN " " rows " " PART_END_TOKENS_END

/* clang-format on */

#endif
