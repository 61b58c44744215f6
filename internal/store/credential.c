/* The serving connection's statements about credentials: parameters out, one row back, the
 * callback. */
#include "store/credential.h"

#include "store/store_parts.h"

typedef void take_row(struct credential *c, const PGresult *r);

struct call {
	take_row *take;
	bool writes;
	credential_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct credential c = {.replay = false};
	err = store_outcome(err, r);
	if (err == ERR_OK)
		call->take(&c, r);
	call->done(call->arg, err, err == ERR_OK ? &c : NULL);
}

static enum err submit(struct store *s, enum statement statement, const struct pg_params *p, struct call call)
{
	return store_submit(s, statement, call.writes, p, answered, &call, sizeof call);
}

enum err credential_read_client_id(struct store *s, const struct bearer *bearer, credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	bearer_put(&p, bearer);
	bearer_put_proof(&p, bearer);
	return submit(s, STMT_READ_CLIENT_ID, &p, (struct call){.take = credential_take_client_id, .done = done, .arg = arg});
}

enum err credential_read_secret(struct store *s, const struct bearer *bearer, const struct origin *origin, struct str client_id,
				credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	credential_put_read(&p, bearer, origin, client_id, &s->config->ring);
	return submit(s, STMT_READ_SECRET, &p, (struct call){.take = credential_take_secret, .writes = true, .done = done, .arg = arg});
}

enum err credential_rotate_begin(struct store *s, const struct bearer *bearer, const struct origin *origin,
				 const struct credential_rotation *rotation, credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	credential_put_rotate_begin(&p, bearer, origin, rotation, &s->config->ring);
	return submit(s, STMT_ROTATE_BEGIN, &p,
		      (struct call){.take = credential_take_rotate_begin, .writes = true, .done = done, .arg = arg});
}

enum err credential_rotate(struct store *s, const struct bearer *bearer, const struct origin *origin,
			   const struct credential_rotation *rotation, const struct credential_new *fresh, credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	credential_put_rotate(&p, bearer, origin, rotation, fresh);
	return submit(s, STMT_ROTATE, &p, (struct call){.take = credential_take_rotated, .writes = true, .done = done, .arg = arg});
}
