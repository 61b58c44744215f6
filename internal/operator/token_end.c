#include "operator/token_end.h"

#include "operator/admin.h"
#include "sql/admin_sql.h"
#include "sql/token_end_sql.h"

/* clang-format off */

#define ANSWER(none) \
	" select case when e.not_before is null then '" none "' else 'granted' end, e.organization_id, e.not_before, e.expires_at" \
	" from (select) one left join ended e on true"

/* $1..$6, $7 client_id text, $8 organization_id uuid, $9 secret_version int4, 0 for all. The time
 * is taken after the client's lock was got, as a rotation's is. */
#define SQL_END_CLIENT_TOKENS \
	"with target as materialized (" \
	" select c.* from m2m.client c where c.client_id = $7::text and c.organization_id = $8::uuid and c.deleted_at is null" \
	"  and c.secret_version >= $9::int4 for no key update)" \
	", moment as materialized (select *, clock_timestamp() as at from target)" \
	", ended as (" SQL_END_TOKENS(" select m.organization_id, m.client_id, $9::int4, " TOKENS_NOT_BEFORE("m.at") "," \
		" " LAST_TOKEN_EXPIRES("m", "m.at") " from moment m") \
	" returning e.organization_id, e.not_before, e.expires_at)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select 'revoke_tokens', case when ended.not_before is null then 'client_not_found' else 'granted' end, $8::uuid, $7::text, nullif($9::int4, 0)," \
	"  jsonb_strip_nulls(jsonb_build_object('not_before', ended.not_before)), " SQL_ACT_ORIGIN " from (select) one left join ended on true)" \
	ANSWER("client_not_found")

/* $1..$6, $7 slug or null, $8 id or null. The operator's tokens live a day at most. */
#define SQL_END_ORG_TOKENS \
	"with target as materialized (select o.organization_id, clock_timestamp() as at from m2m.organization o where " SQL_IS_ORG("o", "$7", "$8") ")" \
	", ended as (" SQL_END_TOKENS(" select m.organization_id, '', 0, " TOKENS_NOT_BEFORE("m.at") "," \
		" greatest(m.at + interval '1 day 10 seconds', (select max(" LAST_TOKEN_EXPIRES("c", "m.at") ") from m2m.client c where c.organization_id = m.organization_id))" \
		" from target m") \
	" returning e.organization_id, e.not_before, e.expires_at)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select 'revoke_tokens', case when ended.not_before is null then 'organization_not_found' else 'granted' end, ended.organization_id, null, null," \
	"  jsonb_strip_nulls(jsonb_build_object('not_before', ended.not_before, 'slug', coalesce($7::text, $8::uuid::text))), " SQL_ACT_ORIGIN \
	"  from (select) one left join ended on true)" \
	ANSWER("organization_not_found")

/* clang-format on */

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
	enum err err = operator_admin(db, SQL_END_CLIENT_TOKENS, &p, &r);
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
	enum err err = operator_admin(db, SQL_END_ORG_TOKENS, &p, &r);
	if (err == ERR_OK)
		err = operator_admin_outcome(db, r, org, STR_NONE);
	if (err == ERR_OK)
		take(r, ret);
	return err;
}
