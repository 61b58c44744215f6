#include "operator/client_credential.h"

#include "operator/admin.h"
#include "sql/client_credential_statement.h"
#include "sql/sql_sql.h"

/* By its organization's id, which is the same when somebody has meanwhile given its slug to
 * another one. */
static struct str organization_of(struct operator_db *db, const struct client *client)
{
	char text[UUID_TEXT_LEN];
	uuid_format(client->organization_id, text);
	return arena_copy(db->a, str_from(text, sizeof text));
}

/* What a sentence is about. */
struct subject {
	const struct client *client;
	struct str kind, credential_id;
};

static enum err tell(struct operator_db *db, enum err err, const struct subject *subject)
{
	switch (err) {
	case ERR_OK:
		return ERR_OK;
	case ERR_NO_MEMORY:
		return operator_fail(db, err, "there is no memory left");
	case ERR_ORGANIZATION_NOT_FOUND:
	case ERR_CLIENT_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "there is no client %.*s of organization %.*s", STR_ARG(subject->client->client_id),
				     STR_ARG(subject->client->organization));
	case ERR_CREDENTIAL_NOT_FOUND:
		return operator_fail(db, ERR_NOT_FOUND, "client %.*s has no %.*s %.*s", STR_ARG(subject->client->client_id),
				     STR_ARG(subject->kind), STR_ARG(subject->credential_id));
	case ERR_ALREADY_EXISTS:
		return operator_fail(db, ERR_EXISTS, "client %.*s has this %.*s already: %.*s", STR_ARG(subject->client->client_id),
				     STR_ARG(subject->kind), STR_ARG(subject->credential_id));
	default:
		return operator_fail(db, err, "refused: %s", err_info(err)->text);
	}
}

static enum err ask(struct operator_db *db, const char *sql, const struct pg_params *p, struct subject subject,
		    const struct registered_credential **ret, size_t *ret_n)
{
	PG_RESULT r = NULL;
	enum err err = operator_admin(db, sql, p, &r);
	return err == ERR_OK ? tell(db, client_credential_take_rows(r, db->a, ret, ret_n), &subject) : err;
}

/* An act, which is about one credential. */
static enum err ask_one(struct operator_db *db, const char *sql, const struct pg_params *p, struct subject subject,
			struct registered_credential *ret)
{
	const struct registered_credential *found;
	size_t n;
	enum err err = ask(db, sql, p, subject, &found, &n);
	if (err == ERR_OK)
		*ret = found[0];
	return err;
}

enum err operator_client_credential_list(struct operator_db *db, const struct client *client, struct str kind,
					 const struct registered_credential **ret, size_t *ret_n)
{
	struct pg_params p;
	pg_params_init(&p, db->a);
	client_credential_put_list(&p, organization_of(db, client), client->client_id, kind, STR_NONE);
	return ask(db, sql_client_credential_list, &p, (struct subject){client, kind, STR_NONE}, ret, ret_n);
}

enum err operator_client_credential_add(struct operator_db *db, const struct client *client, const struct client_credential_spec *spec,
					struct registered_credential *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	pg_params_init(&p, db->a);
	client_credential_put_add(&p, NULL, &origin, organization_of(db, client), client->client_id, spec);
	return ask_one(db, sql_client_credential_add, &p, (struct subject){client, spec->kind, spec->credential_id}, ret);
}

enum err operator_client_credential_remove(struct operator_db *db, const struct client *client, struct str credential_id, struct str kind,
					   struct registered_credential *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	pg_params_init(&p, db->a);
	client_credential_put_remove(&p, NULL, &origin, organization_of(db, client), client->client_id, credential_id, kind);
	return ask_one(db, sql_client_credential_remove, &p, (struct subject){client, kind, credential_id}, ret);
}
