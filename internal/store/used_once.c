#include "store/used_once.h"

#include "store/store_parts.h"

struct call {
	used_once_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	call->done(call->arg, store_outcome(err, r));
}

enum err used_once_spend(struct store *s, const struct issue_once *once, struct str client_id, bool fapi2, used_once_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	pg_put_bytea(&p, once->hash);
	pg_put_int8(&p, once->until);
	pg_put_text(&p, client_id);
	pg_put_bool(&p, fapi2);
	return store_submit(s, STMT_USED_SPEND, true, &p, answered, &(struct call){done, arg}, sizeof(struct call));
}
