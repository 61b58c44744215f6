#include "store/callers.h"

#include <assert.h>

#include "sql/origin.h"

static bool is_same(const struct token_caller *a, const struct token_caller *b)
{
	return str_eq(a->client_id, b->client_id) && str_eq(a->verifiers, b->verifiers) &&
	       str_eq(a->origin->remote_addr, b->origin->remote_addr);
}

uint32_t callers_place(struct callers *callers, const struct token_caller *caller)
{
	uint32_t place = 0;
	while (place < callers->n && !is_same(caller, callers->v[place]))
		place++;
	if (place == callers->n) {
		assert(callers->n < CALLERS_MAX);
		callers->v[callers->n++] = caller;
	}
	return place + 1;
}
