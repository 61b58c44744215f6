/* The statements of operators and admins, run by m2mctl. Private to operator/. */
#ifndef M2M_OPERATOR_ADMIN_H
#define M2M_OPERATOR_ADMIN_H

#include "operator/exec.h"
#include "sql/admin_statement.h"

/* Who acts: the operator at this command line. */
struct origin operator_origin(const struct operator_db *db);

/* Runs the statement in a transaction as the owner, which commits: a refusal's row too. *ret is
 * the caller's to clear, and its first row's outcome is not looked at. */
MUST_CHECK enum err operator_admin(struct operator_db *db, const char *sql, const struct pg_params *p, PGresult **ret);

/* The outcome of the first row in m2mctl's words, for an act on `org` and, unless it is absent,
 * `client_id`. No row: not found. */
MUST_CHECK enum err operator_admin_outcome(struct operator_db *db, const PGresult *r, struct str org, struct str client_id);

#endif
