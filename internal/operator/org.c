#include "operator/org.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/secret.h"
#include "operator/admin.h"
#include "operator/credential.h"
#include "operator/key.h"
#include "sql/sql_sql.h"

static enum err take_rows(struct operator_db *db, const PGresult *r, const struct org **ret, size_t *ret_n)
{
	size_t n = (size_t)PQntuples(r);
	struct org *rows = arena_alloc(db->a, (n + 1) * sizeof *rows);
	for (size_t i = 0; rows != NULL && i < n; i++)
		admin_take_org(r, (int)i, db->a, &rows[i]);
	if (arena_overflowed(db->a))
		return operator_fail(db, ERR_NO_MEMORY, "there are more organizations than there is memory for");
	*ret = rows;
	*ret_n = n;
	return ERR_OK;
}

/* The one row of an act or a question about `slug_or_id`. */
static enum err take_one(struct operator_db *db, const PGresult *r, struct str slug_or_id, struct org *ret)
{
	const struct org *rows = NULL;
	size_t n = 0;
	enum err err = operator_admin_outcome(db, r, slug_or_id, STR_NONE);
	if (err == ERR_OK)
		err = take_rows(db, r, &rows, &n);
	if (rows != NULL)
		*ret = rows[0];
	return err;
}

static enum err insert(struct operator_db *db, const struct org_spec *spec, const struct uuid *id, const struct credential_new *fresh,
		       struct org *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_org_create(&p, &origin, id, spec, fresh);
	enum err err = operator_admin(db, sql_org_create, &p, &r);
	if (err != ERR_OK)
		return err;
	if (str_eq(pg_str(r, 0, 0), STR("already_exists")))
		return operator_fail(db, ERR_EXISTS, "an organization with the slug \"%.*s\"%s exists already", STR_ARG(spec->slug),
				     spec->external_id.p != NULL ? ", or with this issuer and external id," : "");
	return take_one(db, r, spec->slug, ret);
}

enum err operator_org_create(struct operator_db *db, const struct master_ring *ring, const struct org_spec *spec, struct org *ret,
			     struct client_secret *ret_secret)
{
	struct uuid id = uuid_v7(clock_wall_us());
	char secret[SECRET_LEN];
	struct credential_new fresh;
	enum err err = operator_credential_first(db, ring, &id, secret, &fresh);
	if (err == ERR_OK)
		err = insert(db, spec, &id, &fresh, ret);
	if (err == ERR_OK)
		*ret_secret = operator_credential_told(db, &fresh, secret, ret->created_at);
	crypto_wipe(secret, sizeof secret);
	return err;
}

enum err operator_org_list(struct operator_db *db, const struct org **ret, size_t *ret_n)
{
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_org_list(&p, &(struct org_search){.search = STR_NONE}, STR_NONE, INT64_MAX);
	enum err err = operator_admin(db, sql_org_list, &p, &r);
	return err == ERR_OK ? take_rows(db, r, ret, ret_n) : err;
}

enum err operator_org_find(struct operator_db *db, struct str slug_or_id, struct org *ret)
{
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_org(&p, slug_or_id);
	enum err err = operator_admin(db, sql_org_find, &p, &r);
	return err == ERR_OK ? take_one(db, r, slug_or_id, ret) : err;
}

enum err operator_org_change(struct operator_db *db, struct str slug_or_id, const struct org_change *change, struct org *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_org_change(&p, &origin, slug_or_id, change);
	enum err err = operator_admin(db, sql_org_change, &p, &r);
	if (err == ERR_EXISTS || (err == ERR_OK && str_eq(pg_str(r, 0, 0), STR("already_exists"))))
		return operator_fail(db, ERR_EXISTS, "another organization has this issuer and external id");
	return err == ERR_OK ? take_one(db, r, slug_or_id, ret) : err;
}

enum err operator_org_delete(struct operator_db *db, struct str slug_or_id, struct org *ret)
{
	struct origin origin = operator_origin(db);
	struct pg_params p;
	PG_RESULT r = NULL;
	pg_params_init(&p, db->a);
	admin_put_org_delete(&p, &origin, slug_or_id, &(struct words){.v = NULL});
	enum err err = operator_admin(db, sql_org_delete, &p, &r);
	return err == ERR_OK ? take_one(db, r, slug_or_id, ret) : err;
}
