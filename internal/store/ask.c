/* Asking over the serving connection. */
#include <stdlib.h>
#include <string.h>

#include "store/store_parts.h"

void store_params(struct store *s, struct pg_params *p)
{
	arena_reset(s->scratch);
	pg_params_init(p, s->scratch);
}

enum err store_ask(struct store *s, const char *statement, const struct pg_params *p, pg_unit_done *answered, const void *call, size_t n)
{
	void *kept = malloc(n);
	if (kept == NULL)
		return ERR_OVERLOADED;
	memcpy(kept, call, n);
	enum err err = pg_conn_send(s->serve_conn, statement, p, (int)s->config->request_timeout_ms, answered, kept);
	if (err != ERR_OK)
		free(kept);
	return err;
}
