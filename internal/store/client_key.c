/* The gateway's side of client_key_sql.h: parameters out, rows back, the callback. */
#include "store/client_key.h"

#include <stdlib.h>

#include "sql/client_key_statement.h"
#include "store/store_parts.h"

#define ANSWER_MAX (1 << 18)

struct call {
	struct store *s;
	bool writes;
	admin_key_done *done;
	void *arg;
};

static enum err meant(enum err err)
{
	switch (err) {
	case ERR_EXISTS: /* the index saw what the statement didn't */
		return ERR_ALREADY_EXISTS;
	case ERR_OK:
	case ERR_STORE_UNAVAILABLE:
	case ERR_CONFLICT:
		return err;
	default:
		return ERR_INTERNAL;
	}
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	struct call call = *(struct call *)arg;
	const struct registered_key *keys = NULL;
	size_t n = 0;
	free(arg);
	if (call.writes)
		store_note_write(call.s, err);
	if (err != ERR_OK) {
		call.done(call.arg, meant(err), NULL, 0);
		return;
	}
	struct arena *a = arena_new(ANSWER_MAX);
	err = a == NULL ? ERR_NO_MEMORY : key_take_rows(r, a, &keys, &n);
	call.done(call.arg, err, keys, n);
	arena_free(a);
}

static enum err submit(struct store *s, const char *statement, const struct pg_params *p, struct call call)
{
	call.s = s;
	return store_ask(s, statement, p, answered, &call, sizeof call);
}

enum err admin_key_list(struct store *s, struct str org, struct str client_id, admin_key_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	key_put_list(&p, org, client_id);
	return submit(s, STMT_KEY_LIST, &p, (struct call){.done = done, .arg = arg});
}

enum err admin_key_add(struct store *s, const struct origin *origin, struct str org, struct str client_id, const struct key_spec *spec,
		       admin_key_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	key_put_add(&p, origin, org, client_id, spec);
	return submit(s, STMT_KEY_ADD, &p, (struct call){.writes = true, .done = done, .arg = arg});
}

enum err admin_key_remove(struct store *s, const struct origin *origin, struct str org, struct str client_id, struct str credential_id,
			  admin_key_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	key_put_remove(&p, origin, org, client_id, credential_id);
	return submit(s, STMT_KEY_REMOVE, &p, (struct call){.writes = true, .done = done, .arg = arg});
}
