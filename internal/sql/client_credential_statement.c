#include "sql/client_credential_statement.h"

#include "sql/admin_statement.h"
#include "sql/outcome.h"
#include "json/json_read.h"

static const struct json_limits limits = {.max_depth = 2, .max_values = 32};

/* ---- parameters ---- */

void client_credential_put_list(struct pg_params *p, struct str org, struct str client_id, struct str kind, struct str credential_id)
{
	admin_put_org(p, org);
	pg_put_text(p, client_id);
	pg_put_text(p, kind);
	pg_put_text(p, credential_id);
}

static void put_target(struct pg_params *p, const struct origin *o, struct str org, struct str client_id)
{
	origin_put(p, o);
	admin_put_org(p, org);
	pg_put_text(p, client_id);
}

void client_credential_put_add(struct pg_params *p, const struct bearer *by, const struct origin *o, struct str org, struct str client_id,
			       const struct client_credential_spec *spec)
{
	put_target(p, o, org, client_id);
	bool is_workload = spec->workload.issuer.p != NULL;
	pg_put_text(p, spec->credential_id);
	pg_put_text(p, spec->kind);
	pg_put_text(p, spec->name);
	pg_put_time(p, spec->expires_at);
	pg_put_text(p, spec->public_jwk);
	pg_put_text(p, spec->workload.issuer);
	pg_put_text(p, spec->workload.subject);
	pg_put_text(p, spec->workload.audience);
	pg_put_text(p, spec->workload.claims);
	pg_put_text(p, !is_workload ? STR_NONE : spec->workload.may_replay ? STR("true") : STR("false"));
	bearer_put_session(p, by);
}

void client_credential_put_remove(struct pg_params *p, const struct bearer *by, const struct origin *o, struct str org,
				  struct str client_id, struct str credential_id, struct str kind)
{
	put_target(p, o, org, client_id);
	pg_put_text(p, credential_id);
	pg_put_text(p, kind);
	bearer_put_session(p, by);
}

/* ---- rows ---- */

/* What somebody else wrote there may be no JWK, and is then shown without. */
static void describe(struct arena *a, struct registered_credential *key)
{
	const struct json *jwk = NULL;
	if (key->public_jwk.p == NULL)
		return;
	if (json_parse(a, key->public_jwk, limits, &jwk) != ERR_OK || json_string(json_get(jwk, "kty"), &key->kty) != ERR_OK)
		key->kty = STR_NONE;
	if (json_string(json_get(jwk, "alg"), &key->alg) != ERR_OK)
		key->alg = STR_NONE;
}

/* Of a listed one. */
static void take_last_use(const PGresult *r, int row, struct arena *a, struct registered_credential *ret)
{
	if (PQnfields(r) <= 14)
		return;
	ret->last_use = (struct last_use){
		.at = pg_time_us(r, row, 14),
		.remote_addr = arena_copy(a, pg_str(r, row, 15)),
		.user_agent = arena_copy(a, pg_str(r, row, 16)),
		.unknown_until = pg_time_us(r, row, 17),
	};
	ret->hint = arena_copy(a, pg_str(r, row, 18));
	ret->created_by = arena_copy(a, pg_str(r, row, 19));
}

static void take_credential(const PGresult *r, int row, struct arena *a, struct registered_credential *ret)
{
	*ret = (struct registered_credential){
		.client_id = arena_copy(a, pg_str(r, row, 1)),
		.credential_id = arena_copy(a, pg_str(r, row, 2)),
		.name = arena_copy(a, pg_str(r, row, 3)),
		.public_jwk = arena_copy(a, pg_str(r, row, 4)),
		.kty = STR_NONE,
		.alg = STR_NONE,
		.created_at = pg_time_us(r, row, 5),
		.expires_at = pg_time_us(r, row, 6),
		.organization_id = pg_uuid(r, row, 7),
		.kind = arena_copy(a, pg_str(r, row, 8)),
		.workload =
			{
				.issuer = arena_copy(a, pg_str(r, row, 9)),
				.subject = arena_copy(a, pg_str(r, row, 10)),
				.audience = arena_copy(a, pg_str(r, row, 11)),
				.claims = arena_copy(a, pg_str(r, row, 12)),
				.may_replay = !pg_is_null(r, row, 13) && pg_bool(r, row, 13),
			},
	};
	take_last_use(r, row, a, ret);
	describe(a, ret);
}

enum err client_credential_take_rows(const PGresult *r, struct arena *a, const struct registered_credential **ret, size_t *ret_n)
{
	int n = PQntuples(r);
	enum err err = n == 0 ? ERR_INTERNAL : outcome_err(pg_str(r, 0, 0));
	if (err != ERR_OK)
		return err;
	if (pg_is_null(r, 0, 2))
		n = 0;
	struct registered_credential *found = arena_alloc(a, ((size_t)n + 1) * sizeof *found);
	for (int i = 0; found != NULL && i < n; i++)
		take_credential(r, i, a, &found[i]);
	if (arena_overflowed(a))
		return ERR_NO_MEMORY;
	*ret = found;
	*ret_n = (size_t)n;
	return ERR_OK;
}
