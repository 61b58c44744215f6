/* How statements that are strings in C tell whether a request comes from where it may: parts.sql
 * says it. */
#ifndef M2M_SQL_NETWORK_SQL_H
#define M2M_SQL_NETWORK_SQL_H

#include "sql/parts_sql.h"

#define NETWORK_ALLOWED(address, networks) PART_NETWORK_ALLOWED(address, networks)

#endif
