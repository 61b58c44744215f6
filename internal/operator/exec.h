/* What the files of this folder share: statements, transactions, the audit row. Private to
 * operator/. */
#ifndef M2M_OPERATOR_EXEC_H
#define M2M_OPERATOR_EXEC_H

#include "base/uuid.h"
#include "operator/db.h"
#include "sql/pg_value.h"

struct operator_db {
	PGconn *conn;
	struct arena *a; /* of whoever opened it: results are copied into it */
	struct str actor;
	struct uuid request_id; /* one per run of m2mctl: ties the rows of one command together */
	char why[1024];
	bool lock_timed_out; /* why the last failed statement failed */
};

/* Whether the login may `set role` to the role with this oid. From PostgreSQL 16 on a member may
 * not always: who makes a role is one with the right to grant it, and nothing else, until it is
 * granted. */
#define SQL_MAY_SET_ROLE(oid)                                                                                                              \
	"pg_has_role(" oid ", case when current_setting('server_version_num')::int4 >= 160000 then 'set' else 'member' end)"

/* That the login may not act as m2m_owner, and what to do about it. */
enum err operator_not_the_owner(struct operator_db *db);

/* Puts the sentence down and answers `err`. */
enum err operator_fail(struct operator_db *db, enum err err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with `what` and libpq's message, on one line and without a password. */
enum err operator_fail_with_libpq(struct operator_db *db, enum err err, const char *what, const char *message);

/* Runs one statement with binary parameters (NULL: none) and a binary result. *ret is the
 * caller's to clear when ERR_OK, else NULL. */
MUST_CHECK enum err operator_exec(struct operator_db *db, const char *sql, const struct pg_params *p, PGresult **ret);

/* The same for a statement whose result is of no interest. */
MUST_CHECK enum err operator_do(struct operator_db *db, const char *sql, const struct pg_params *p);

/* True if the last statement that failed did so because others held what it needed for longer
 * than lock_timeout. */
bool operator_lock_timed_out(const struct operator_db *db);

/* Runs a whole file of statements, without parameters. */
MUST_CHECK enum err operator_script(struct operator_db *db, const char *sql);

/* begin, body, commit; rolled back when the body fails. The plain form runs as the login itself,
 * the other one as m2m_owner. */
typedef enum err operator_body(struct operator_db *db, void *arg);
MUST_CHECK enum err operator_transaction_plain(struct operator_db *db, operator_body *body, void *arg);
MUST_CHECK enum err operator_transaction(struct operator_db *db, operator_body *body, void *arg);

/* The same for what only reads, all of it in one snapshot; m2m_auditor may do it too. */
MUST_CHECK enum err operator_snapshot(struct operator_db *db, operator_body *body, void *arg);

/* The row of an act, to be called in the act's transaction. `detail` is a JSON object, or
 * absent. */
struct operator_act {
	const char *action;
	const char *outcome;                /* NULL: granted */
	const struct uuid *organization_id; /* or NULL */
	struct str client_id;
	int32_t secret_version; /* 0: none */
	struct str detail;
};
MUST_CHECK enum err operator_audit(struct operator_db *db, const struct operator_act *act);

/* The row of an act that was refused, in a transaction of its own. Answers `err`, and leaves
 * operator_why as it is, unless the row can't be written. */
enum err operator_refuse(struct operator_db *db, enum err err, const struct operator_act *act);

/* A text column, copied. */
struct str operator_copy(struct operator_db *db, const PGresult *r, int row, int col);
/* The first column of all rows, copied; NULL when the arena overflowed. */
struct str *operator_copy_column(struct operator_db *db, const PGresult *r);

#endif
