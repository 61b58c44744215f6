/* How statements that are strings in C tell which versions of a secret, and which other
 * credentials, are live: parts.sql says it. */
#ifndef M2M_SQL_SECRET_SQL_H
#define M2M_SQL_SECRET_SQL_H

#include "sql/parts_sql.h"

#define SECRET_IS_LIVE(s)                       PART_SECRET_IS_LIVE(s)
#define SECRET_MAY_BE_LIVE(s)                   PART_SECRET_MAY_BE_LIVE(s)
#define SECRET_MAY_END(s)                       PART_SECRET_MAY_END(s)
#define SECRET_END(made_at, seconds, time, age) PART_SECRET_END(made_at, seconds, time, age)
#define CREDENTIAL_IS_LIVE(k)                   PART_CREDENTIAL_IS_LIVE(k)

#endif
