#include "store/used_once.h"

#include <stdlib.h>

#include "sql/outcome.h"
#include "store/store_parts.h"

struct call {
	struct store *s;
	used_once_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	struct call call = *(struct call *)arg;
	free(arg);
	store_note_write(call.s, err);
	if (err == ERR_OK && PQntuples(r) != 1)
		err = ERR_INTERNAL;
	if (err == ERR_OK)
		err = outcome_err(pg_str(r, 0, 0));
	else if (err != ERR_STORE_UNAVAILABLE)
		err = ERR_INTERNAL;
	call.done(call.arg, err);
}

enum err used_once_spend(struct store *s, const struct issue_once *once, struct str client_id, bool fapi2, used_once_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	pg_put_bytea(&p, once->hash);
	pg_put_int8(&p, once->until);
	pg_put_text(&p, client_id);
	pg_put_bool(&p, fapi2);
	return store_ask(s, STMT_USED_SPEND, &p, answered, &(struct call){s, done, arg}, sizeof(struct call));
}
