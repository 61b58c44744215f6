/* How statements that are strings in C tell whether a token of ours has ended before it expires,
 * and how they end many at once: parts.sql says it. What is asked is the database's state now;
 * nothing of it is remembered anywhere. */
#ifndef M2M_SQL_TOKEN_END_SQL_H
#define M2M_SQL_TOKEN_END_SQL_H

#include "sql/parts_sql.h"

/* clang-format off */

#define TOKEN_HAS_ENDED(jti, organization, client, version, iat) PART_TOKEN_HAS_ENDED(jti, organization, client, version, iat)
#define TOKENS_NOT_BEFORE(at) PART_TOKENS_NOT_BEFORE(at)
#define LAST_TOKEN_EXPIRES(c, at) PART_LAST_TOKEN_EXPIRES(c, at)

/* `rows`: a select of (organization_id, client_id, secret_version, not_before, expires_at), each
 * key once. What ended earlier stays ended. */
#define SQL_END_TOKENS(rows) PART_END_TOKENS_BEGIN " " rows " " PART_END_TOKENS_END

/* clang-format on */

#endif
