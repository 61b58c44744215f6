/* How statements that are strings in C tell whether the credential that a client's bearer was
 * obtained with is still live: parts.sql says it. */
#ifndef M2M_SQL_BEARER_SQL_H
#define M2M_SQL_BEARER_SQL_H

#include "sql/client_credential_sql.h"
#include "sql/parts_sql.h"
#include "sql/secret_sql.h"

#define BEARER_TAG(s)                                          PART_BEARER_TAG(s)
#define BEARER_SECRET_IS_LIVE(s, client_id, version, tag, iat) PART_BEARER_SECRET_IS_LIVE(s, client_id, version, tag, iat)
#define BEARER_CREDENTIAL_IS_LIVE(k, client_id, version, tag)  PART_BEARER_CREDENTIAL_IS_LIVE(k, client_id, version, tag)

#endif
