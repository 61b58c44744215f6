#include "operator/client_key.h"

#include "operator/admin.h"
#include "sql/client_key_sql.h"
#include "sql/client_key_statement.h"

/* By its organization's id, which is the same when somebody has meanwhile given its slug to
 * another one. */
static struct str organization_of(struct operator_db *db, const struct client *client)
{
	char text[UUID_TEXT_LEN];
	uuid_format(client->organization_id, text);
	return arena_copy(db->a, str_from(text, sizeof text));
}

static enum err tell(struct operator_db *db, enum err err, const struct client *client, struct str credential_id)
{
	switch (err) {
	case ERR_OK:
		return ERR_OK;
	case ERR_NO_MEMORY:
		return operator_fail(db, err, "there is no memory left");
	case ERR_ORGANIZATION_NOT_FOUND:
	case ERR_CLIENT_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "there is no client %.*s of organization %.*s", STR_ARG(client->client_id),
				     STR_ARG(client->organization));
	case ERR_CREDENTIAL_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "client %.*s has no key %.*s", STR_ARG(client->client_id), STR_ARG(credential_id));
	case ERR_ALREADY_EXISTS:
		return operator_fail(db, ERR_EXISTS, "client %.*s has this key already: %.*s", STR_ARG(client->client_id),
				     STR_ARG(credential_id));
	default:
		return operator_fail(db, err, "refused: %s", err_info(err)->text);
	}
}

static enum err ask(struct operator_db *db, const char *sql, const struct pg_params *p, const struct client *client,
		    struct str credential_id, const struct registered_key **ret, size_t *ret_n)
{
	PG_RESULT r = NULL;
	enum err err = operator_admin(db, sql, p, &r);
	return err == ERR_OK ? tell(db, key_take_rows(r, db->a, ret, ret_n), client, credential_id) : err;
}

enum err operator_client_key_list(struct operator_db *db, const struct client *client, const struct registered_key **ret, size_t *ret_n)
{
	struct pg_params p;
	pg_params_init(&p, db->a);
	key_put_list(&p, organization_of(db, client), client->client_id);
	return ask(db, SQL_KEY_LIST, &p, client, STR_NONE, ret, ret_n);
}

enum err operator_client_key_add(struct operator_db *db, const struct client *client, const struct key_spec *spec,
				 struct registered_key *ret)
{
	struct origin origin = operator_origin(db);
	const struct registered_key *keys;
	struct pg_params p;
	size_t n;
	pg_params_init(&p, db->a);
	key_put_add(&p, &origin, organization_of(db, client), client->client_id, spec);
	enum err err = ask(db, SQL_KEY_ADD, &p, client, spec->credential_id, &keys, &n);
	if (err == ERR_OK)
		*ret = keys[0];
	return err;
}

enum err operator_client_key_remove(struct operator_db *db, const struct client *client, struct str credential_id,
				    struct registered_key *ret)
{
	struct origin origin = operator_origin(db);
	const struct registered_key *keys;
	struct pg_params p;
	size_t n;
	pg_params_init(&p, db->a);
	key_put_remove(&p, &origin, organization_of(db, client), client->client_id, credential_id);
	enum err err = ask(db, SQL_KEY_REMOVE, &p, client, credential_id, &keys, &n);
	if (err == ERR_OK)
		*ret = keys[0];
	return err;
}
