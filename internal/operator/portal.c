#include "operator/portal.h"

#include "base/clock.h"
#include "operator/admin.h"
#include "operator/exec.h"
#include "sql/admin_statement.h"
#include "sql/outcome.h"
#include "sql/sql_sql.h"

static enum err tell(struct operator_db *db, enum err err, const struct org *org)
{
	switch (err) {
	case ERR_OK:
		return ERR_OK;
	case ERR_INVALID_TOKEN:
		return operator_fail(db, ERR_NOT_FOUND, "the organization %.*s is disabled", STR_ARG(org->slug));
	case ERR_NOT_FOUND:
		return operator_fail(db, err, "the organization %.*s has no such session", STR_ARG(org->slug));
	default:
		return operator_fail(db, err, "refused: %s", err_info(err)->text);
	}
}

enum err operator_portal_link(struct operator_db *db, const struct org *org, const struct portal_link_spec *spec, struct str public_url,
			      struct str *ret_url, int64_t *ret_expires_at)
{
	const struct bearer maker = {.organization_id = org->organization_id, .admin = true, .anywhere = true};
	struct origin origin = operator_origin(db);
	struct uuid link_id = uuid_v7(clock_wall_us());
	struct portal_secret code;
	PG_RESULT r = NULL;
	struct pg_params p;
	if (portal_secret_make(&code) != ERR_OK)
		return operator_fail(db, ERR_CRYPTO, "there are no random bytes");
	pg_params_init(&p, db->a);
	portal_put_link(&p, &maker, &origin, org->slug, &link_id, code.hash, spec, true);
	enum err err = operator_admin(db, sql_portal_link, &p, &r);
	if (err == ERR_OK)
		err = tell(db, outcome_err(pg_str(r, 0, 0)), org);
	if (err != ERR_OK)
		return err;
	*ret_url = arena_printf(db->a, "%.*s/portal#%.*s", STR_ARG(public_url), PORTAL_SECRET_LEN, code.text);
	crypto_wipe(&code, sizeof code);
	*ret_expires_at = pg_time_us(r, 0, 2);
	return ERR_OK;
}

enum err operator_portal_sessions(struct operator_db *db, const struct org *org, const struct portal_session **ret, size_t *ret_n)
{
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	admin_put_org(&p, org->slug);
	enum err err = operator_admin(db, sql_portal_list, &p, &r);
	return err == ERR_OK ? tell(db, portal_take_sessions(r, db->a, ret, ret_n), org) : err;
}

enum err operator_portal_end(struct operator_db *db, const struct org *org, const struct uuid *session_id, int64_t *ret_ended)
{
	struct origin origin = operator_origin(db);
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	portal_put_end(&p, &origin, org->slug, session_id, NULL);
	enum err err = operator_admin(db, sql_portal_end, &p, &r);
	if (err == ERR_OK)
		err = tell(db, outcome_err(pg_str(r, 0, 0)), org);
	if (err == ERR_OK)
		*ret_ended = pg_int8(r, 0, 2);
	return err;
}
