#include "store/secret_adoption.h"

#include "crypto/foreign_secret.h"

#include "store/store_parts.h"

struct find_call {
	foreign_hashes_done *done;
	void *arg;
};

static void found(void *arg, enum err err, const PGresult *r)
{
	const struct find_call *call = arg;
	struct foreign_hash hashes[FOREIGN_SECRETS_MAX];
	int n = err == ERR_OK ? PQntuples(r) : 0;
	if (n > FOREIGN_SECRETS_MAX)
		n = FOREIGN_SECRETS_MAX;
	for (int i = 0; i < n; i++)
		hashes[i] = (struct foreign_hash){.version = pg_int4(r, i, 0), .hash = pg_str(r, i, 1)};
	call->done(call->arg, err == ERR_OK || err == ERR_STORE_UNAVAILABLE ? err : ERR_INTERNAL, hashes, (size_t)n);
}

enum err foreign_hashes_find(struct store *s, struct str client_id, foreign_hashes_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	pg_put_text(&p, client_id);
	return store_submit(s, STMT_FOREIGN_HASHES, false, &p, found, &(struct find_call){done, arg}, sizeof(struct find_call));
}

struct adopt_call {
	struct store *store;
	secret_adopt_done *done;
	void *arg;
};

static void adopted(void *arg, enum err err, const PGresult *r)
{
	const struct adopt_call *call = arg;
	/* whoever was faster, the next statement says what that means */
	if (err == ERR_OK && PQntuples(r) == 1 && pg_bool(r, 0, 0))
		atomic_fetch_add_explicit(&call->store->counters.secrets_adopted, 1, memory_order_relaxed);
	call->done(call->arg, err == ERR_OK ? err : store_fault(err));
}

enum err secret_adopt(struct store *s, const struct secret_adoption *adoption, const struct origin *origin, secret_adopt_done *done,
		      void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	pg_put_text(&p, adoption->client_id);
	pg_put_int4(&p, adoption->was.version);
	pg_put_text(&p, adoption->was.hash);
	pg_put_bytea(&p, adoption->verifier);
	origin_put(&p, origin);
	pg_put_text(&p, adoption->key_id);
	return store_submit(s, STMT_ADOPT_SECRET, true, &p, adopted, &(struct adopt_call){s, done, arg}, sizeof(struct adopt_call));
}
