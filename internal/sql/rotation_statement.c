#include "sql/rotation_statement.h"

#include "sql/outcome.h"
#include "sql/pg_value.h"

void rotation_put_read(struct pg_params *p, const struct bearer *bearer, struct str client_id)
{
	bearer_put(p, bearer);
	pg_put_text(p, client_id);
	bearer_put_proof(p, bearer);
}

void rotation_put_change(struct pg_params *p, const struct bearer *bearer, const struct origin *origin, struct str client_id,
			 const struct grace_change *change)
{
	bearer_put(p, bearer);
	origin_put(p, origin);
	pg_put_text(p, client_id);
	pg_put_int4_or_null(p, change->version, change->version == 0);
	pg_put_int4_or_null(p, change->seconds, change->cancel);
	bearer_put_proof(p, bearer);
}

/* ---- rows ---- */

static struct secret_in_grace take_secret(const PGresult *r, int row, struct arena *a)
{
	return (struct secret_in_grace){
		.version = pg_int4(r, row, 3),
		.hint = arena_copy(a, pg_str(r, row, 4)),
		.created_at = pg_time_us(r, row, 5),
		.replaced_at = pg_time_us(r, row, 6),
		.expires_at = pg_time_us(r, row, 7),
		.unused_for = pg_int4(r, row, 8),
		.counted_since = pg_time_us(r, row, 9),
	};
}

static struct secret_user take_user(const PGresult *r, int row, struct arena *a)
{
	return (struct secret_user){
		.remote_addr = arena_copy(a, pg_str(r, row, 10)),
		.user_agent = arena_copy(a, pg_str(r, row, 11)),
		.tokens = pg_int8(r, row, 12),
		.first_issued_at = pg_time_us(r, row, 13),
		.last_issued_at = pg_time_us(r, row, 14),
	};
}

/* A version's rows stand together; one that nobody used has one row, without a user. */
static size_t take_secrets(const PGresult *r, struct arena *a, struct secret_in_grace *secrets, struct secret_user *users)
{
	size_t n = 0;
	for (int i = 0; i < PQntuples(r) && !pg_is_null(r, i, 3); i++) {
		if (n == 0 || secrets[n - 1].version != pg_int4(r, i, 3)) {
			secrets[n] = take_secret(r, i, a);
			secrets[n++].users = &users[i];
		}
		if (!pg_is_null(r, i, 12)) {
			users[i] = take_user(r, i, a);
			secrets[n - 1].users_n++;
		}
	}
	return n;
}

enum err rotation_take_list(const PGresult *r, struct arena *a, struct grace_list *ret)
{
	int rows = PQntuples(r);
	enum err err = rows == 0 ? ERR_INTERNAL : outcome_err(pg_str(r, 0, 0));
	if (err != ERR_OK)
		return err;
	struct secret_in_grace *secrets = arena_alloc(a, (size_t)rows * sizeof *secrets);
	struct secret_user *users = arena_alloc(a, (size_t)rows * sizeof *users);
	struct grace_list list = {.client_id = arena_copy(a, pg_str(r, 0, 1)), .organization_id = pg_uuid(r, 0, 2), .secrets = secrets};
	if (secrets != NULL && users != NULL)
		list.n = take_secrets(r, a, secrets, users);
	if (arena_overflowed(a))
		return ERR_NO_MEMORY;
	*ret = list;
	return ERR_OK;
}
