#include "operator/token_end.h"

#include "operator/admin.h"
#include "operator/operator_sql.h"

static void take(const PGresult *r, struct tokens_ended *ret)
{
	*ret = (struct tokens_ended){
		.organization_id = pg_uuid(r, 0, 1), .not_before = pg_time_us(r, 0, 2), .expires_at = pg_time_us(r, 0, 3)};
}

enum err operator_end_client_tokens(struct operator_db *db, const struct client *client, int32_t version, struct tokens_ended *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	if (version > client->secret_version)
		return operator_fail(db, ERR_NOT_FOUND, "the client %.*s has no secret version %d; the present one is %d",
				     STR_ARG(client->client_id), version, client->secret_version);
	pg_params_init(&p, db->a);
	origin_put(&p, &origin);
	pg_put_text(&p, client->client_id);
	pg_put_uuid(&p, &client->organization_id);
	pg_put_int4(&p, version);
	enum err err = operator_admin(db, sql_end_client_tokens, &p, &r);
	if (err == ERR_OK)
		err = operator_admin_outcome(db, r, client->organization, client->client_id);
	if (err == ERR_OK)
		take(r, ret);
	return err;
}

enum err operator_end_org_tokens(struct operator_db *db, struct str org, struct tokens_ended *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	origin_put(&p, &origin);
	admin_put_org(&p, org);
	enum err err = operator_admin(db, sql_end_org_tokens, &p, &r);
	if (err == ERR_OK)
		err = operator_admin_outcome(db, r, org, STR_NONE);
	if (err == ERR_OK)
		take(r, ret);
	return err;
}
