/* The gateway's side of sql/client_credential_*.sql: parameters out, rows back, the callback. */
#include "store/client_credential.h"

#include "sql/client_credential_statement.h"
#include "store/store_parts.h"

#define ANSWER_MAX (1 << 18)

struct call {
	bool writes;
	admin_credential_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	const struct registered_credential *keys = NULL;
	size_t n = 0;
	if (err != ERR_OK) {
		call->done(call->arg, store_act_err(err), NULL, 0);
		return;
	}
	struct arena *a = arena_new(ANSWER_MAX);
	err = a == NULL ? ERR_NO_MEMORY : client_credential_take_rows(r, a, &keys, &n);
	call->done(call->arg, err, keys, n);
	arena_free(a);
}

static enum err submit(struct store *s, enum statement statement, const struct pg_params *p, struct call call)
{
	return store_submit(s, statement, call.writes, p, answered, &call, sizeof call);
}

enum err admin_credential_list(struct store *s, struct str org, struct str client_id, admin_credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	client_credential_put_list(&p, org, client_id, STR_NONE, STR_NONE);
	return submit(s, STMT_CLIENT_CREDENTIAL_LIST, &p, (struct call){.done = done, .arg = arg});
}

enum err secret_list(struct store *s, const struct bearer *bearer, admin_credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	bearer_put(&p, bearer);
	bearer_put_proof(&p, bearer);
	return submit(s, STMT_SECRET_LIST, &p, (struct call){.done = done, .arg = arg});
}

enum err admin_credential_get(struct store *s, struct str org, struct str client_id, struct str credential_id, admin_credential_done *done,
			      void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	client_credential_put_list(&p, org, client_id, STR_NONE, credential_id);
	return submit(s, STMT_CLIENT_CREDENTIAL_LIST, &p, (struct call){.done = done, .arg = arg});
}

enum err admin_credential_add(struct store *s, const struct bearer *by, const struct origin *origin, struct str org, struct str client_id,
			      const struct client_credential_spec *spec, admin_credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	client_credential_put_add(&p, by, origin, org, client_id, spec);
	return submit(s, STMT_CLIENT_CREDENTIAL_ADD, &p, (struct call){.writes = true, .done = done, .arg = arg});
}

enum err admin_credential_remove(struct store *s, const struct bearer *by, const struct origin *origin, struct str org,
				 struct str client_id, struct str credential_id, admin_credential_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	client_credential_put_remove(&p, by, origin, org, client_id, credential_id, STR_NONE);
	return submit(s, STMT_CLIENT_CREDENTIAL_REMOVE, &p, (struct call){.writes = true, .done = done, .arg = arg});
}
