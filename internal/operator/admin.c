#include "operator/admin.h"

#include "sql/outcome.h"

struct origin operator_origin(const struct operator_db *db)
{
	return (struct origin){.actor = db->actor, .request_id = db->request_id, .transport = 'c'};
}

struct task {
	const char *sql;
	const struct pg_params *p;
	PGresult *r;
};

static enum err run(struct operator_db *db, void *arg)
{
	struct task *task = arg;
	return operator_exec(db, task->sql, task->p, &task->r);
}

enum err operator_admin(struct operator_db *db, const char *sql, const struct pg_params *p, PGresult **ret)
{
	struct task task = {.sql = sql, .p = p};
	enum err err = operator_transaction(db, run, &task);
	if (err == ERR_OK)
		*ret = task.r;
	else
		PQclear(task.r);
	return err;
}

enum err operator_admin_outcome(struct operator_db *db, const PGresult *r, struct str org, struct str client_id)
{
	enum err err = PQntuples(r) == 0 ? ERR_ORGANIZATION_NOT_FOUND : outcome_err(pg_str(r, 0, 0));
	switch (err) {
	case ERR_OK:
		return ERR_OK;
	case ERR_ORGANIZATION_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "there is no organization \"%.*s\"", STR_ARG(org));
	case ERR_CLIENT_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "there is no client %.*s of organization %.*s", STR_ARG(client_id), STR_ARG(org));
	case ERR_DEFAULT_CLIENT:
		return operator_fail(db, err, "%.*s is the organization's default client; make another one the default first",
				     STR_ARG(client_id));
	case ERR_CONFLICT:
		return operator_fail(db, err, "%.*s is disabled, and so can't become the default client", STR_ARG(client_id));
	default:
		return operator_fail(db, err, "refused: %s", err_info(err)->text);
	}
}
