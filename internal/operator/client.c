#include "operator/client.h"

#include "crypto/digest.h"
#include "operator/admin.h"
#include "operator/credential.h"
#include "operator/operator_sql.h"
#include "operator/org.h"
#include "sql/sql_sql.h"

#define CHANGE_TRIES 10

static enum err take_one(struct operator_db *db, const PGresult *r, struct client *ret)
{
	struct client found;
	admin_take_client(r, 0, db->a, &found);
	if (arena_overflowed(db->a))
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	*ret = found;
	return ERR_OK;
}

enum err operator_client_find(struct operator_db *db, struct str client_id, struct str org, struct client *ret)
{
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	pg_put_text(&p, client_id);
	admin_put_org(&p, org);
	enum err err = operator_admin(db, sql_client_find_any, &p, &r);
	if (err != ERR_OK)
		return err;
	if (PQntuples(r) == 0)
		return client_id.p != NULL
			       ? operator_fail(db, ERR_NOT_FOUND, "there is no client %.*s%s%.*s", STR_ARG(client_id),
					       org.p != NULL ? " of organization " : "", STR_ARG(org))
			       : operator_fail(db, ERR_NOT_FOUND, "there is no organization \"%.*s\" with a default client", STR_ARG(org));
	return take_one(db, r, ret);
}

static enum err take_rows(struct operator_db *db, const PGresult *r, size_t n, const struct client **ret, size_t *ret_n)
{
	struct client *rows = arena_alloc(db->a, (n + 1) * sizeof *rows);
	for (size_t i = 0; rows != NULL && i < n; i++)
		admin_take_client(r, (int)i, db->a, &rows[i]);
	if (arena_overflowed(db->a))
		return operator_fail(db, ERR_NO_MEMORY, "there are more clients than there is memory for");
	*ret = rows;
	*ret_n = n;
	return ERR_OK;
}

enum err operator_client_list(struct operator_db *db, struct str org, int32_t expiring, const struct client **ret, size_t *ret_n)
{
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_org(&p, org);
	pg_put_text(&p, STR_NONE);
	pg_put_int8(&p, INT64_MAX);
	pg_put_int4_or_null(&p, expiring, expiring == 0);
	enum err err = operator_admin(db, sql_client_list, &p, &r);
	if (err == ERR_OK)
		err = operator_admin_outcome(db, r, org, STR_NONE);
	if (err != ERR_OK)
		return err;
	return take_rows(db, r, pg_is_null(r, 0, 1) ? 0 : (size_t)PQntuples(r), ret, ret_n);
}

enum err operator_client_list_expiring(struct operator_db *db, int32_t expiring, const struct client **ret, size_t *ret_n)
{
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, expiring);
	enum err err = operator_admin(db, sql_clients_expiring, &p, &r);
	return err == ERR_OK ? take_rows(db, r, (size_t)PQntuples(r), ret, ret_n) : err;
}

static enum err insert(struct operator_db *db, const struct org *org, const struct client_spec *spec, const struct credential_new *fresh,
		       struct client *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_client_create(&p, &origin, &org->organization_id, spec, fresh);
	enum err err = operator_admin(db, sql_client_create, &p, &r);
	if (err == ERR_OK)
		err = operator_admin_outcome(db, r, org->slug, fresh->client_id);
	return err == ERR_OK ? take_one(db, r, ret) : err;
}

enum err operator_client_create(struct operator_db *db, const struct master_ring *ring, struct str org, const struct client_spec *spec,
				struct client *ret, struct client_secret *ret_secret)
{
	char secret[SECRET_LEN];
	struct credential_new fresh;
	struct org found;
	enum err err = operator_org_find(db, org, &found);
	if (err != ERR_OK)
		return err;
	err = operator_credential_first(db, ring, &found.organization_id, secret, &fresh);
	if (err == ERR_OK)
		err = insert(db, &found, spec, &fresh, ret);
	if (err == ERR_OK)
		*ret_secret = operator_credential_told(db, &fresh, secret, ret->secret_created_at);
	crypto_wipe(secret, sizeof secret);
	return err;
}

/* By its organization's id, which is the same when somebody has meanwhile given its slug to
 * another one. */
static struct str organization_of(struct operator_db *db, const struct client *client)
{
	char text[UUID_TEXT_LEN];
	uuid_format(client->organization_id, text);
	return arena_copy(db->a, str_from(text, sizeof text));
}

enum err operator_client_change(struct operator_db *db, const struct client *client, const struct client_spec *change, struct client *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_client_change(&p, &origin, organization_of(db, client), client->client_id, change);
	/* The constraint that allows one default refuses a statement that began before another's
	 * handing over committed. */
	enum err err = ERR_CONFLICT;
	for (int i = 0; err == ERR_CONFLICT && i < CHANGE_TRIES; i++)
		err = operator_admin(db, sql_client_change, &p, &r);
	if (err == ERR_CONFLICT)
		return operator_refuse(db,
				       operator_fail(db, err,
						     "others changed the default client of organization %.*s %d times meanwhile; try again",
						     STR_ARG(client->organization), CHANGE_TRIES),
				       &(struct operator_act){.action = "set_client",
							      .outcome = "conflict",
							      .organization_id = &client->organization_id,
							      .client_id = client->client_id});
	if (err == ERR_OK)
		err = operator_admin_outcome(db, r, client->organization, client->client_id);
	return err == ERR_OK ? take_one(db, r, ret) : err;
}

enum err operator_client_delete(struct operator_db *db, const struct client *client)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_client_delete(&p, &origin, organization_of(db, client), client->client_id, &(struct words){.v = NULL});
	enum err err = operator_admin(db, sql_client_delete, &p, &r);
	return err == ERR_OK ? operator_admin_outcome(db, r, client->organization, client->client_id) : err;
}
