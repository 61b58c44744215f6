#include "operator/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "operator/exec.h"
#include "sql/database_url.h"
#include "sql/pg_message.h"
#include "sql/schema.h"

#define READ_WRITE "begin isolation level read committed read write"
#define SNAPSHOT   "begin isolation level repeatable read read only"

/* The session's settings. A stronger synchronous_commit that the database asks for is kept. What
 * the views add up is planned for more rows than it reads, so that compiling it costs more than
 * running it. */
#define SQL_SESSION                                                                                                                        \
	"select set_config('synchronous_commit', case current_setting('synchronous_commit') when 'remote_apply' then 'remote_apply'"       \
	" else 'on' end, false), set_config('client_min_messages', 'warning', false), set_config('lock_timeout', '15s', false),"           \
	" set_config('search_path', 'pg_catalog', false), pg_is_in_recovery(), set_config('jit', 'off', false),"                           \
	" pg_backend_pid()"

/* $1 role */
#define SQL_MAY_BE "select exists (select from pg_roles where rolname = $1::text and " SQL_MAY_SET_ROLE("oid") ")"

/* $1 action, $2 organization, $3 client, $4 version, $5 actor, $6 request id, $7 detail, $8
 * outcome */
#define SQL_AUDIT                                                                                                                          \
	"insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, actor, request_id, transport, detail)"  \
	" values ($1::text, $8::text, $2::uuid, $3::text, $4::int4, $5::text, $6::uuid, 'c', $7::text::jsonb)"

enum err operator_fail(struct operator_db *db, enum err err, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(db->why, sizeof db->why, format, args);
	va_end(args);
	return err;
}

const char *operator_why(const struct operator_db *db)
{
	return db == NULL ? "there is no memory left" : db->why;
}

enum err operator_fail_with_libpq(struct operator_db *db, enum err err, const char *what, const char *message)
{
	struct sbuf why = sbuf_fixed(db->why, sizeof db->why);
	sbuf_putz(&why, what);
	pg_message(db->conn, message, &why);
	return err;
}

/* Why there is no connection. libpq keeps no code of a refused login, but its ping tells a
 * server that is there and lets others in from one that isn't, and from a URL with which nothing
 * can be tried. */
static enum err refusal(struct str url)
{
	const char *const names[] = {"dbname", "connect_timeout", NULL};
	const char *const values[] = {url.p, "2", NULL};
	PGPing answer = PQpingParams(names, values, 1);
	return answer == PQPING_OK || answer == PQPING_NO_ATTEMPT ? ERR_FORBIDDEN : ERR_STORE_UNAVAILABLE;
}

enum err operator_open(struct arena *a, struct str url, struct str actor, struct operator_db **ret)
{
	struct operator_db *db = arena_alloc(a, sizeof *db);
	struct str dbname = arena_copy(a, url);
	*ret = db;
	if (db == NULL || dbname.p == NULL)
		return ERR_NO_MEMORY;
	db->a = a;
	db->actor = actor;
	db->request_id = uuid_v7(clock_wall_us());

	/* what stands behind connect_timeout, the URL, may set it again */
	const char *const names[] = {"connect_timeout", "target_session_attrs",      "dbname",
				     "client_encoding", "fallback_application_name", NULL};
	const char *const values[] = {"10", "read-write", dbname.p, "UTF8", "m2mctl", NULL};
	db->conn = PQconnectdbParams(names, values, 1);
	if (db->conn != NULL && strstr(PQerrorMessage(db->conn), "session is read-only") != NULL)
		return operator_fail(db, ERR_STORE_UNAVAILABLE,
				     "the server is a standby (in recovery) or read-only; connect to the primary");
	if (PQstatus(db->conn) != CONNECTION_OK)
		return db->conn == NULL ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left")
					: operator_fail_with_libpq(db, refusal(dbname), "", PQerrorMessage(db->conn));

	PG_RESULT session = NULL;
	enum err err = operator_exec(db, SQL_SESSION, NULL, &session);
	if (err != ERR_OK)
		return err;
	if (pg_bool(session, 0, 4))
		return operator_fail(db, ERR_STORE_UNAVAILABLE, "the server is a standby (in recovery); connect to the primary");
	if (pg_int4(session, 0, 6) != PQbackendPID(db->conn))
		return operator_fail(db, ERR_FORBIDDEN, "%s", POOLER_REFUSED);
	return ERR_OK;
}

void operator_close(struct operator_db *db)
{
	if (db != NULL)
		PQfinish(db->conn);
}

struct arena *operator_swap_arena(struct operator_db *db, struct arena *a)
{
	struct arena *before = db->a;
	db->a = a;
	return before;
}

struct str operator_describe(const struct operator_db *db)
{
	return arena_printf(db->a, "%s at %s:%s/%s", PQuser(db->conn), PQhost(db->conn), PQport(db->conn), PQdb(db->conn));
}

static enum err check(struct operator_db *db, const PGresult *r)
{
	enum err err = pg_err(r);
	if (err == ERR_OK)
		return ERR_OK;
	const char *primary = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	db->lock_timed_out = state != NULL && strcmp(state, "55P03") == 0;
	return operator_fail_with_libpq(db, err, "", primary != NULL ? primary : PQerrorMessage(db->conn));
}

enum err operator_exec(struct operator_db *db, const char *sql, const struct pg_params *p, PGresult **ret)
{
	*ret = NULL;
	if (p != NULL && !pg_params_ok(p))
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");

	PGresult *r = p == NULL ? PQexecParams(db->conn, sql, 0, NULL, NULL, NULL, NULL, 1)
				: PQexecParams(db->conn, sql, p->n, p->types, p->values, p->lengths, p->formats, 1);
	enum err err = check(db, r);
	if (err == ERR_OK)
		*ret = r;
	else
		PQclear(r);
	return err;
}

bool operator_lock_timed_out(const struct operator_db *db)
{
	return db->lock_timed_out;
}

enum err operator_do(struct operator_db *db, const char *sql, const struct pg_params *p)
{
	PG_RESULT r = NULL;
	return operator_exec(db, sql, p, &r);
}

enum err operator_script(struct operator_db *db, const char *sql)
{
	PG_RESULT r = PQexec(db->conn, sql);
	return check(db, r);
}

/* Isolation is said, not inherited: the statements are written for read committed. `become`
 * NULL: stay the login. */
static enum err run_transaction(struct operator_db *db, const char *begin, const char *become, operator_body *body, void *arg)
{
	enum err err = operator_do(db, begin, NULL);
	if (err != ERR_OK)
		return err;
	if (become != NULL)
		err = operator_do(db, become, NULL);
	if (err == ERR_OK)
		err = body(db, arg);
	if (err == ERR_OK)
		return operator_do(db, "commit", NULL);
	PQclear(PQexec(db->conn, "rollback")); /* db->why stays that of the body */
	return err;
}

enum err operator_transaction_plain(struct operator_db *db, operator_body *body, void *arg)
{
	return run_transaction(db, READ_WRITE, NULL, body, arg);
}

static enum err may_be(struct operator_db *db, const char *role, bool *ret)
{
	PG_RESULT may = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, str_of(role));
	enum err err = operator_exec(db, SQL_MAY_BE, &p, &may);
	if (err == ERR_OK)
		*ret = pg_bool(may, 0, 0);
	return err;
}

enum err operator_not_the_owner(struct operator_db *db)
{
	return operator_fail(db, ERR_FORBIDDEN,
			     "the login %s may not act as the role m2m_owner (run `m2mctl migrate up`, or, as who made that role or as a"
			     " superuser: grant m2m_owner to \"%s\")",
			     PQuser(db->conn), PQuser(db->conn));
}

enum err operator_transaction(struct operator_db *db, operator_body *body, void *arg)
{
	bool owner = false;
	enum err err = may_be(db, "m2m_owner", &owner);
	if (err != ERR_OK)
		return err;
	return owner ? run_transaction(db, READ_WRITE, "set local role m2m_owner", body, arg) : operator_not_the_owner(db);
}

enum err operator_snapshot(struct operator_db *db, operator_body *body, void *arg)
{
	bool owner = false;
	bool auditor = false;
	enum err err = may_be(db, "m2m_owner", &owner);
	if (err == ERR_OK && !owner)
		err = may_be(db, "m2m_auditor", &auditor);
	if (err != ERR_OK)
		return err;
	if (!owner && !auditor)
		return operator_not_the_owner(db);
	return run_transaction(db, SNAPSHOT, owner ? "set local role m2m_owner" : "set local role m2m_auditor", body, arg);
}

enum err operator_audit(struct operator_db *db, const struct operator_act *act)
{
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, str_of(act->action));
	pg_put_uuid(&p, act->organization_id);
	pg_put_text(&p, act->client_id);
	pg_put_int4_or_null(&p, act->secret_version, act->secret_version == 0);
	pg_put_text(&p, db->actor);
	pg_put_uuid(&p, &db->request_id);
	pg_put_text(&p, act->detail);
	pg_put_text(&p, str_of(act->outcome == NULL ? "granted" : act->outcome));
	return operator_do(db, SQL_AUDIT, &p);
}

static enum err audit_body(struct operator_db *db, void *arg)
{
	return operator_audit(db, arg);
}

enum err operator_refuse(struct operator_db *db, enum err err, const struct operator_act *act)
{
	struct operator_act copy = *act;
	char why[sizeof db->why];
	memcpy(why, db->why, sizeof why);
	enum err recorded = operator_transaction(db, audit_body, &copy);
	if (recorded != ERR_OK)
		return recorded;
	memcpy(db->why, why, sizeof why);
	return err;
}

struct str operator_copy(struct operator_db *db, const PGresult *r, int row, int col)
{
	return arena_copy(db->a, pg_str(r, row, col));
}

struct str *operator_copy_column(struct operator_db *db, const PGresult *r)
{
	int n = PQntuples(r);
	struct str *all = arena_alloc(db->a, ((size_t)n + 1) * sizeof *all);
	for (int i = 0; all != NULL && i < n; i++)
		all[i] = operator_copy(db, r, i, 0);
	return all;
}
