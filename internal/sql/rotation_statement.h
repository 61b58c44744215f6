/* The statements about replaced secrets that are still in their grace (sql_sql.h) as C: their
 * parameters, and the rows that they answer. */
#ifndef M2M_SQL_ROTATION_STATEMENT_H
#define M2M_SQL_ROTATION_STATEMENT_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "sql/bearer.h"
#include "sql/origin.h"

/* Who got tokens with a version since it was replaced. Times are microseconds since 1970. */
struct secret_user {
	struct str remote_addr, user_agent; /* each may be absent */
	int64_t tokens, first_issued_at, last_issued_at;
};

struct secret_in_grace {
	int32_t version;
	int32_t unused_for; /* seconds; 0: its end alone ends it */
	struct str hint;    /* absent: it was brought along */
	int64_t created_at, replaced_at, expires_at;
	int64_t counted_since;           /* the users' counts go back to then; 0: to its replacement */
	const struct secret_user *users; /* the last ones first */
	size_t users_n;
};

/* The newest first. */
struct grace_list {
	struct str client_id;
	struct uuid organization_id;
	const struct secret_in_grace *secrets;
	size_t n;
};

struct grace_change {
	bool cancel;     /* ends them now; else puts the end of one off */
	int32_t version; /* 0: all, or the newest of them */
	int32_t seconds; /* from now to the later end */
};

/* client_id absent: the organization's default client. */
void rotation_put_read(struct pg_params *p, const struct bearer *bearer, struct str client_id);
void rotation_put_change(struct pg_params *p, const struct bearer *bearer, const struct origin *origin, struct str client_id,
			 const struct grace_change *change);

/* All of sql_rotation_read's rows, copied into `a`. The first row's outcome is the error;
 * NO_MEMORY. */
MUST_CHECK enum err rotation_take_list(const PGresult *r, struct arena *a, struct grace_list *ret);

#endif
