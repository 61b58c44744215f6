#include "store/rotation.h"

#include "store/store_parts.h"

#define ANSWER_MAX (1 << 18)

struct call {
	rotation_done *done;
	void *arg;
};

static void list_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct grace_list list;
	if (err != ERR_OK && err != ERR_STORE_UNAVAILABLE)
		err = ERR_INTERNAL;
	struct arena *a = err == ERR_OK ? arena_new(ANSWER_MAX) : NULL;
	if (err == ERR_OK)
		err = a == NULL ? ERR_NO_MEMORY : rotation_take_list(r, a, &list);
	call->done(call->arg, err, err == ERR_OK ? &list : NULL);
	arena_free(a);
}

static void change_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct grace_list list = {.n = 0};
	err = store_outcome(err, r);
	if (err == ERR_OK)
		list = (struct grace_list){.client_id = pg_str(r, 0, 1), .organization_id = pg_uuid(r, 0, 2)};
	call->done(call->arg, err, err == ERR_OK ? &list : NULL);
}

enum err rotation_read(struct store *s, const struct bearer *bearer, struct str client_id, rotation_done *done, void *arg)
{
	const struct call call = {done, arg};
	struct pg_params p;
	store_params(s, &p);
	rotation_put_read(&p, bearer, client_id);
	return store_submit(s, STMT_ROTATION_READ, false, &p, list_answered, &call, sizeof call);
}

enum err rotation_change(struct store *s, const struct bearer *bearer, const struct origin *origin, struct str client_id,
			 const struct grace_change *change, rotation_done *done, void *arg)
{
	const struct call call = {done, arg};
	struct pg_params p;
	store_params(s, &p);
	rotation_put_change(&p, bearer, origin, client_id, change);
	return store_submit(s, STMT_ROTATION_CHANGE, true, &p, change_answered, &call, sizeof call);
}
