#include "store/client_jwks.h"

#include "store/store_parts.h"

struct call {
	client_jwks_done *done;
	void *arg;
};

static struct client_jwk row_of(const PGresult *r, int row)
{
	return (struct client_jwk){
		.credential_id = pg_str(r, row, 0),
		.jwk = pg_str(r, row, 1),
		.workload =
			{
				.issuer = pg_str(r, row, 2),
				.subject = pg_str(r, row, 3),
				.audience = pg_str(r, row, 4),
				.claims = pg_str(r, row, 5),
				.may_replay = !pg_is_null(r, row, 6) && pg_bool(r, row, 6),
			},
	};
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct client_jwk keys[CLIENT_KEYS_MAX];
	int n = err == ERR_OK ? PQntuples(r) : 0;
	if (n > CLIENT_KEYS_MAX)
		n = CLIENT_KEYS_MAX;
	for (int i = 0; i < n; i++)
		keys[i] = row_of(r, i);
	call->done(call->arg, err == ERR_OK || err == ERR_STORE_UNAVAILABLE ? err : ERR_INTERNAL, keys, (size_t)n);
}

enum err client_jwks_find(struct store *s, struct str client_id, client_jwks_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	pg_put_text(&p, client_id);
	return store_submit(s, STMT_CLIENT_JWKS, false, &p, answered, &(struct call){done, arg}, sizeof(struct call));
}
