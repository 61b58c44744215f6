/* The one statement that checks a batch's credentials and writes its audit rows (issue.sql): its
 * parameters and its answer, which have to agree with the text. It knows nothing of queues.
 *
 *   requests -> put (with the seal that the writer has prepared) -> PostgreSQL -> take ->
 *   requests; `wrote` gives the rows as they stand in the table now
 *
 * Private to store/. */
#ifndef M2M_STORE_ISSUE_STATEMENT_H
#define M2M_STORE_ISSUE_STATEMENT_H

#include "base/list.h"
#include "sql/audit_row.h"
#include "sql/pg_value.h"
#include "store/issue.h"
#include "store/statements.h"

/* All parameters, for at most batch_max requests that are to be signed with the key `kid`;
 * returns the statement that takes them. */
enum statement issue_statement_put(struct store *s, const struct list *requests, struct str kid, struct pg_params *p);

/* Reads the result into what issue.h says is out, but for the key. Strings are borrowed from it.
 * False, and nothing was read, unless it has exactly one row for each of the requests, which are
 * in the order in which they were put. */
MUST_CHECK bool issue_statement_take(struct store *s, const struct list *requests, const PGresult *r);

/* The statement's time, which each row has (microseconds since 1970). */
int64_t issue_statement_time(const PGresult *r);

/* The row that was written for a request that was granted, borrowed from it. */
struct audit_row issue_statement_wrote(const struct issue_request *r, struct uuid batch_id);

#endif
