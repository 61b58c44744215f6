/* The gateway's side of sql/org_*.sql and sql/client_*.sql: parameters out, rows back, the
 * callback. */
#include "store/admin.h"

#include "sql/admin_statement.h"
#include "sql/outcome.h"
#include "store/store_parts.h"

#define ANSWER_MAX (1 << 20)

struct call {
	enum { ORGS, CLIENTS, FOUND_CLIENTS } rows; /* ORGS unless given */
	bool search;                                /* for clients: rows say where they stand */
	bool writes;
	int32_t limit; /* of a list; 0: one row */
	enum err none; /* what no row means; ERR_OK: an empty list */
	admin_done *done;
	void *arg;
};

static void take_kind(const struct call *call, const PGresult *r, struct arena *a, int n, struct admin_answer *answer)
{
	struct org *orgs = arena_alloc(a, (size_t)n * sizeof *orgs);
	struct client *clients = arena_alloc(a, (size_t)n * sizeof *clients);
	struct found_client *found = arena_alloc(a, (size_t)n * sizeof *found);
	for (int i = 0; i < n && orgs != NULL && clients != NULL && found != NULL; i++) {
		if (call->rows == CLIENTS)
			admin_take_client(r, i, a, &clients[i]);
		else if (call->rows == FOUND_CLIENTS)
			admin_take_found_client(r, i, a, &found[i]);
		else
			admin_take_org(r, i, a, &orgs[i]);
	}
	answer->orgs = orgs;
	answer->clients = clients;
	answer->found = found;
}

/* Rows into `a`. A list has one row more than was asked for when more follow, and a row of nulls
 * when there is nothing to list. */
static enum err take_rows(const struct call *call, const PGresult *r, struct arena *a, struct admin_answer *answer)
{
	int n = PQntuples(r);
	if (n == 0)
		return call->none;
	enum err err = outcome_err(pg_str(r, 0, 0));
	if (err != ERR_OK)
		return err;
	if (call->limit > 0 && n > call->limit) {
		n = call->limit;
		answer->more = true;
	}
	if (pg_is_null(r, 0, 1))
		n = 0;
	take_kind(call, r, a, n, answer);
	if (call->search && n > 0)
		answer->place = admin_take_place(r, n - 1);
	answer->n = (size_t)n;
	return arena_overflowed(a) ? ERR_NO_MEMORY : ERR_OK;
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct admin_answer answer = {.n = 0};
	if (err != ERR_OK) {
		call->done(call->arg, store_act_err(err), NULL);
		return;
	}
	struct arena *a = arena_new(ANSWER_MAX);
	err = a == NULL ? ERR_NO_MEMORY : take_rows(call, r, a, &answer);
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
	arena_free(a);
}

static enum err submit(struct store *s, enum statement statement, const struct pg_params *p, struct call call)
{
	return store_submit(s, statement, call.writes, p, answered, &call, sizeof call);
}

enum err admin_org_list(struct store *s, const struct org_search *search, struct str after, int32_t limit, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org_list(&p, search, after, (int64_t)limit + 1);
	return submit(s, STMT_ORG_LIST, &p, (struct call){.limit = limit, .done = done, .arg = arg});
}

enum err admin_org_find(struct store *s, struct str org, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org(&p, org);
	return submit(s, STMT_ORG_FIND, &p, (struct call){.none = ERR_ORGANIZATION_NOT_FOUND, .done = done, .arg = arg});
}

enum err admin_org_resolve(struct store *s, struct str issuer, struct str external, admin_done *done, void *arg)
{
	struct uuid id;
	bool is_id = uuid_parse(external, &id) == ERR_OK;
	struct pg_params p;
	store_params(s, &p);
	pg_put_text(&p, issuer);
	pg_put_text(&p, external);
	pg_put_uuid(&p, is_id ? &id : NULL);
	return submit(s, STMT_ORG_RESOLVE, &p, (struct call){.none = ERR_ORGANIZATION_NOT_FOUND, .done = done, .arg = arg});
}

enum err admin_org_create(struct store *s, const struct origin *origin, const struct uuid *organization_id, const struct org_spec *spec,
			  const struct credential_new *fresh, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org_create(&p, origin, organization_id, spec, fresh);
	return submit(s, STMT_ORG_CREATE, &p, (struct call){.writes = true, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_org_change(struct store *s, const struct origin *origin, struct str org, const struct org_change *change, admin_done *done,
			  void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org_change(&p, origin, org, change);
	return submit(s, STMT_ORG_CHANGE, &p, (struct call){.writes = true, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_org_delete(struct store *s, const struct origin *origin, struct str org, const struct words *if_match, admin_done *done,
			  void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org_delete(&p, origin, org, if_match);
	return submit(s, STMT_ORG_DELETE, &p, (struct call){.writes = true, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_client_list(struct store *s, struct str org, struct str after, int32_t limit, int32_t expiring, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org(&p, org);
	pg_put_text(&p, after);
	pg_put_int8(&p, (int64_t)limit + 1);
	pg_put_int4_or_null(&p, expiring, expiring == 0);
	return submit(s, STMT_CLIENT_LIST, &p,
		      (struct call){.rows = CLIENTS, .limit = limit, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_client_search(struct store *s, struct str org, const struct client_search *search, int32_t limit, admin_done *done,
			     void *arg)
{
	struct pg_params p;
	bool within = org.p != NULL;
	store_params(s, &p);
	admin_put_client_search(&p, search, (int64_t)limit + 1);
	if (within)
		admin_put_org(&p, org);
	return submit(s, within ? STMT_CLIENT_SEARCH_WITHIN : STMT_CLIENT_SEARCH, &p,
		      (struct call){.rows = within ? CLIENTS : FOUND_CLIENTS, .search = true, .limit = limit, .done = done, .arg = arg});
}

enum err admin_client_find(struct store *s, struct str org, struct str client_id, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_org(&p, org);
	pg_put_text(&p, client_id);
	return submit(s, STMT_CLIENT_FIND, &p, (struct call){.rows = CLIENTS, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_client_create(struct store *s, const struct origin *origin, const struct uuid *organization_id,
			     const struct client_spec *spec, const struct credential_new *fresh, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_client_create(&p, origin, organization_id, spec, fresh);
	return submit(s, STMT_CLIENT_CREATE, &p,
		      (struct call){.rows = CLIENTS, .writes = true, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_client_change(struct store *s, const struct origin *origin, struct str org, struct str client_id,
			     const struct client_spec *change, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_client_change(&p, origin, org, client_id, change);
	return submit(s, STMT_CLIENT_CHANGE, &p,
		      (struct call){.rows = CLIENTS, .writes = true, .none = ERR_INTERNAL, .done = done, .arg = arg});
}

enum err admin_client_delete(struct store *s, const struct origin *origin, struct str org, struct str client_id,
			     const struct words *if_match, admin_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	admin_put_client_delete(&p, origin, org, client_id, if_match);
	return submit(s, STMT_CLIENT_DELETE, &p,
		      (struct call){.rows = CLIENTS, .writes = true, .none = ERR_INTERNAL, .done = done, .arg = arg});
}
