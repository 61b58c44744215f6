/* Parameters of client_key_sql.h's statements and the rows that they answer, for both who run
 * them. */
#ifndef M2M_SQL_CLIENT_KEY_STATEMENT_H
#define M2M_SQL_CLIENT_KEY_STATEMENT_H

#include "sql/client_key.h"
#include "sql/origin.h"
#include "sql/pg_value.h"

/* `org`: slug or id. */
void key_put_list(struct pg_params *p, struct str org, struct str client_id);
void key_put_add(struct pg_params *p, const struct origin *o, struct str org, struct str client_id, const struct key_spec *spec);
void key_put_remove(struct pg_params *p, const struct origin *o, struct str org, struct str client_id, struct str credential_id);

/* Every row's key, copied into `a`; none for a list's row of nulls. The first row's outcome is
 * the error: ORGANIZATION_NOT_FOUND, CLIENT_NOT_FOUND, CREDENTIAL_NOT_FOUND, ALREADY_EXISTS,
 * TOO_MANY_KEYS; NO_MEMORY. */
MUST_CHECK enum err key_take_rows(const PGresult *r, struct arena *a, const struct registered_key **ret, size_t *ret_n);

#endif
