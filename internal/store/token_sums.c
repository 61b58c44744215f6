#include "store/token_sums.h"

#include "sql/outcome.h"
#include "store/store_parts.h"

#define ANSWER_MAX (1 << 18)

struct call {
	token_sums_done *done;
	void *arg;
};

/* A row without a count is none: all there is says that, too. No row at all is one that has no
 * others either. */
static enum err take_sums(const PGresult *r, struct arena *a, struct token_sums *ret)
{
	int n = PQntuples(r);
	struct token_sum *rows = arena_alloc(a, (size_t)n * sizeof *rows);
	if (rows == NULL || n > TOKEN_SUMS_MAX)
		return rows == NULL ? ERR_NO_MEMORY : ERR_INTERNAL;
	*ret = (struct token_sums){.rows = rows, .overdue = pg_is_null(r, 0, 4)};
	for (int i = 0; i < n && !pg_is_null(r, i, 3); i++)
		rows[ret->n++] = (struct token_sum){.at = pg_time_us(r, i, 1), .name = pg_str(r, i, 2), .tokens = pg_int8(r, i, 3)};
	if (!ret->overdue)
		ret->others = pg_int8(r, 0, 4);
	return ERR_OK;
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct token_sums sums = {.n = 0};
	if (err == ERR_OK)
		err = PQntuples(r) > 0 ? outcome_err(pg_str(r, 0, 0)) : ERR_INTERNAL;
	else if (err != ERR_STORE_UNAVAILABLE)
		err = ERR_INTERNAL;
	struct arena *a = err == ERR_OK ? arena_new(ANSWER_MAX) : NULL;
	if (err == ERR_OK)
		err = a == NULL ? ERR_NO_MEMORY : take_sums(r, a, &sums);
	call->done(call->arg, err, err == ERR_OK ? &sums : NULL);
	arena_free(a);
}

enum err token_sums(struct store *s, const struct bearer *bearer, const struct token_sum_query *query, token_sums_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	bearer_put(&p, bearer);
	pg_put_text(&p, query->by);
	pg_put_text(&p, query->client_id);
	pg_put_time(&p, query->since);
	pg_put_time(&p, query->until);
	pg_put_text(&p, query->time_zone);
	/* half of what the request has; others wait behind it */
	pg_put_int4(&p, (int32_t)s->config->request_timeout_ms / 2);
	bearer_put_proof(&p, bearer);
	return store_submit(s, STMT_TOKEN_SUMS, false, &p, answered, &call, sizeof call);
}
