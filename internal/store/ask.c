/* Asking over the serving connection. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "sql/console.h"
#include "sql/outcome.h"
#include "store/store_parts.h"

/* Ours, until it is answered. */
struct asked {
	struct store *store;
	bool writes;
	pg_unit_done *answered;
	alignas(max_align_t) unsigned char call[];
};

static void relay(void *arg, enum err err, const PGresult *r)
{
	struct asked *asked = arg;
	if (asked->writes)
		store_note_write(asked->store, err);
	asked->answered(asked->call, err, r);
	free(asked);
}

/* Who acts as an operator is held live in the act's own transaction. */
static enum err send_held(struct store *s, const char *statement, const struct pg_params *p, struct asked *asked)
{
	int timeout_ms = (int)s->config->request_timeout_ms;
	if (p->by == NULL)
		return pg_conn_send(s->serve_conn, statement, p, timeout_ms, relay, asked);
	struct pg_params proof;
	pg_params_init(&proof, s->scratch);
	console_put_proof(&proof, p->by);
	return pg_conn_send_guarded(s->serve_conn, &(struct pg_query){STMT_OPERATOR_HOLDS, &proof}, &(struct pg_query){statement, p},
				    timeout_ms, relay, asked);
}

enum err store_submit(struct store *s, const char *statement, bool writes, const struct pg_params *p, pg_unit_done *answered,
		      const void *call, size_t n)
{
	struct asked *asked = malloc(sizeof *asked + n);
	if (asked == NULL)
		return ERR_OVERLOADED;
	*asked = (struct asked){.store = s, .writes = writes, .answered = answered};
	memcpy(asked->call, call, n);
	enum err err = send_held(s, statement, p, asked);
	if (err != ERR_OK)
		free(asked);
	return err;
}

enum err store_fault(enum err err)
{
	return err == ERR_STORE_UNAVAILABLE || err == ERR_ORGANIZATION_MOVING || err == ERR_ORGANIZATION_MOVED ? err : ERR_INTERNAL;
}

enum err store_outcome(enum err err, const PGresult *r)
{
	if (err == ERR_OK)
		return PQntuples(r) == 1 ? outcome_err(pg_str(r, 0, 0)) : ERR_INTERNAL;
	/* what m2m.operator_holds says */
	return err == ERR_INVALID_TOKEN || err == ERR_FORBIDDEN ? err : store_fault(err);
}

enum err store_act_err(enum err err)
{
	switch (err) {
	case ERR_EXISTS: /* another's commit overtook the statement's check, and not the index */
		return ERR_ALREADY_EXISTS;
	case ERR_CONFLICT:
	case ERR_INVALID_TOKEN:
	case ERR_FORBIDDEN:
		return err;
	default:
		return store_fault(err);
	}
}
