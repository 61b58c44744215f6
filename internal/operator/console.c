#include "operator/console.h"

#include "base/clock.h"
#include "operator/admin.h"
#include "operator/exec.h"
#include "operator/operator_sql.h"
#include "sql/outcome.h"
#include "sql/sql_sql.h"

enum err operator_console_link(struct operator_db *db, const struct console_link_spec *spec, struct str public_url, struct str *ret_url,
			       int64_t *ret_expires_at)
{
	struct origin origin = operator_origin(db);
	struct uuid link_id = uuid_v7(clock_wall_us());
	struct portal_secret code;
	PG_RESULT r = NULL;
	struct pg_params p;
	if (portal_secret_make(&code) != ERR_OK)
		return operator_fail(db, ERR_CRYPTO, "there are no random bytes");
	pg_params_init(&p, db->a);
	console_put_link(&p, &origin, &link_id, code.hash, spec);
	enum err err = operator_admin(db, sql_console_link, &p, &r);
	if (err != ERR_OK)
		return err;
	*ret_url = arena_printf(db->a, "%.*s/console#%.*s", STR_ARG(public_url), PORTAL_SECRET_LEN, code.text);
	*ret_expires_at = pg_time_us(r, 0, 0);
	return ERR_OK;
}

enum err operator_console_sessions(struct operator_db *db, const struct console_session **ret, size_t *ret_n)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int8(&p, OPERATOR_CONSOLE_SESSIONS);
	pg_put_time(&p, 0);
	pg_put_uuid(&p, NULL);
	enum err err = operator_admin(db, sql_console_list, &p, &r);
	if (err == ERR_OK && console_take_sessions(r, db->a, ret, ret_n) != ERR_OK)
		err = operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	return err;
}

struct end_task {
	const struct uuid *session_id;
	struct str actor;
	int64_t ended;
};

/* In the caller's transaction. */
static enum err end_sessions(struct operator_db *db, struct end_task *task)
{
	struct origin origin = operator_origin(db);
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	console_put_end(&p, &origin, task->session_id, task->actor);
	enum err err = operator_exec(db, sql_console_end, &p, &r);
	if (err == ERR_OK && outcome_err(pg_str(r, 0, 0)) != ERR_OK)
		return operator_fail(db, ERR_NOT_FOUND, "there is no such console session");
	if (err == ERR_OK)
		task->ended += pg_int8(r, 0, 1);
	return err;
}

static enum err end_rest(struct operator_db *db, struct end_task *task)
{
	struct origin origin = operator_origin(db);
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	origin_put(&p, &origin);
	pg_put_text(&p, task->actor);
	enum err err = operator_exec(db, sql_console_end_operator, &p, &r);
	if (err == ERR_OK)
		task->ended += pg_int8(r, 0, 0);
	return err;
}

/* Links first: one that becomes a session meanwhile is waited for, and then the session is seen. */
static enum err end(struct operator_db *db, void *arg)
{
	struct end_task *task = arg;
	enum err err = task->session_id == NULL ? end_rest(db, task) : ERR_OK;
	return err == ERR_OK ? end_sessions(db, task) : err;
}

static enum err run_end(struct operator_db *db, struct end_task *task, int64_t *ret_ended)
{
	enum err err = operator_transaction(db, end, task);
	if (err == ERR_OK)
		*ret_ended = task->ended;
	return err;
}

enum err operator_console_end(struct operator_db *db, const struct uuid *session_id, int64_t *ret_ended)
{
	return run_end(db, &(struct end_task){.session_id = session_id}, ret_ended);
}

enum err operator_console_end_operator(struct operator_db *db, struct str actor, int64_t *ret_ended)
{
	return run_end(db, &(struct end_task){.actor = actor}, ret_ended);
}
