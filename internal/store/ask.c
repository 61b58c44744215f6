/* Asking over the serving connection. */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

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

enum err store_submit(struct store *s, const char *statement, bool writes, const struct pg_params *p, pg_unit_done *answered,
		      const void *call, size_t n)
{
	struct asked *asked = malloc(sizeof *asked + n);
	if (asked == NULL)
		return ERR_OVERLOADED;
	*asked = (struct asked){.store = s, .writes = writes, .answered = answered};
	memcpy(asked->call, call, n);
	enum err err = pg_conn_send(s->serve_conn, statement, p, (int)s->config->request_timeout_ms, relay, asked);
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
	return store_fault(err);
}

enum err store_act_err(enum err err)
{
	switch (err) {
	case ERR_EXISTS: /* another's commit overtook the statement's check, and not the index */
		return ERR_ALREADY_EXISTS;
	case ERR_CONFLICT:
		return err;
	default:
		return store_fault(err);
	}
}
