/* Parameters of the statements client_credential_*.sql, and the rows that they answer, for both who
 * run them. */
#ifndef M2M_SQL_CLIENT_CREDENTIAL_STATEMENT_H
#define M2M_SQL_CLIENT_CREDENTIAL_STATEMENT_H

#include "sql/bearer.h"
#include "sql/client_credential.h"
#include "sql/origin.h"
#include "sql/pg_value.h"

/* `org`: slug or id. `kind`: absent: any. `credential_id`: absent: all. */
void client_credential_put_list(struct pg_params *p, struct str org, struct str client_id, struct str kind, struct str credential_id);
/* `by`: the caller, whose portal session must be live; NULL: an operator. */
void client_credential_put_add(struct pg_params *p, const struct bearer *by, const struct origin *o, struct str org, struct str client_id,
			       const struct client_credential_spec *spec);
void client_credential_put_remove(struct pg_params *p, const struct bearer *by, const struct origin *o, struct str org,
				  struct str client_id, struct str credential_id, struct str kind);

/* Every row's credential, copied into `a`; none for a list's row of nulls. The first row's outcome
 * is the error: ORGANIZATION_NOT_FOUND, CLIENT_NOT_FOUND, CREDENTIAL_NOT_FOUND, ALREADY_EXISTS,
 * TOO_MANY_CREDENTIALS; NO_MEMORY. */
MUST_CHECK enum err client_credential_take_rows(const PGresult *r, struct arena *a, const struct registered_credential **ret,
						size_t *ret_n);

#endif
