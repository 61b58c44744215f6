#include "operator/rotation.h"

#include "operator/admin.h"
#include "sql/outcome.h"
#include "sql/sql_sql.h"

#define SQL_DUE        "select count(*)::int4 from m2m.secret_unused_look q where q.look_at <= statement_timestamp()"
#define SQL_END_UNUSED "select * from m2m.end_unused_secrets(1, 2147483647, $1::text, 'c', $2::uuid)"

static struct bearer as_admin_of(const struct client *client)
{
	return (struct bearer){.organization_id = client->organization_id, .admin = true, .anywhere = true};
}

static enum err tell(struct operator_db *db, enum err err, const struct client *client)
{
	switch (err) {
	case ERR_OK:
		return ERR_OK;
	case ERR_INVALID_TOKEN:
		return operator_fail(db, ERR_NOT_FOUND, "the organization %.*s is disabled", STR_ARG(client->organization));
	case ERR_CLIENT_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "the client %.*s is disabled", STR_ARG(client->client_id));
	case ERR_CONFLICT:
		return operator_fail(db, ERR_NOT_FOUND, "client %.*s has no such secret in its grace", STR_ARG(client->client_id));
	case ERR_INVALID_REQUEST:
		return operator_fail(db, err,
				     "the end must be a later one than the secret has, at most 90 days after it was replaced, and no later"
				     " than its organization's longest age of secrets allows");
	default:
		return operator_fail(db, err, "refused: %s", err_info(err)->text);
	}
}

enum err operator_rotation_read(struct operator_db *db, const struct client *client, struct grace_list *ret)
{
	const struct bearer bearer = as_admin_of(client);
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	rotation_put_read(&p, &bearer, client->client_id);
	enum err err = operator_admin(db, sql_rotation_read, &p, &r);
	return err == ERR_OK ? tell(db, rotation_take_list(r, db->a, ret), client) : err;
}

enum err operator_rotation_change(struct operator_db *db, const struct client *client, const struct grace_change *change)
{
	const struct bearer bearer = as_admin_of(client);
	struct origin origin = operator_origin(db);
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	rotation_put_change(&p, &bearer, &origin, client->client_id, change);
	enum err err = operator_admin(db, sql_rotation_change, &p, &r);
	return err == ERR_OK ? tell(db, outcome_err(pg_str(r, 0, 0)), client) : err;
}

static enum err count_due(struct operator_db *db, int32_t *ret)
{
	PG_RESULT r = NULL;
	enum err err = operator_admin(db, SQL_DUE, NULL, &r);
	if (err == ERR_OK)
		*ret = pg_int4(r, 0, 0);
	return err;
}

/* Looks at one version that is due: *ret_n grows if it is ended. */
static enum err end_one(struct operator_db *db, struct ended_secret *ended, size_t *ret_n)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, db->actor);
	pg_put_uuid(&p, &db->request_id);
	enum err err = operator_admin(db, SQL_END_UNUSED, &p, &r);
	if (err == ERR_OK && PQntuples(r) == 1)
		ended[(*ret_n)++] = (struct ended_secret){operator_copy(db, r, 0, 0), pg_int4(r, 0, 1), pg_time_us(r, 0, 2)};
	return err;
}

enum err operator_end_unused(struct operator_db *db, const struct ended_secret **ret, size_t *ret_n)
{
	int32_t due = 0;
	size_t n = 0;
	enum err err = count_due(db, &due);
	if (err != ERR_OK)
		return err;
	struct ended_secret *ended = arena_alloc(db->a, (size_t)due * sizeof *ended);
	if (ended == NULL)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	for (int32_t i = 0; err == ERR_OK && i < due; i++)
		err = end_one(db, ended, &n);
	if (err != ERR_OK)
		return err;
	*ret = ended;
	*ret_n = n;
	return ERR_OK;
}
