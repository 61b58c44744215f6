#include "store/act_list.h"

#include "sql/admin_statement.h"
#include "sql/outcome.h"
#include "store/store_parts.h"

struct call {
	int32_t limit;
	act_list_done *done;
	void *arg;
};

static struct listed_act take_row(const PGresult *r, int row)
{
	struct str transport = pg_str(r, row, 12);
	return (struct listed_act){
		.act_id = pg_uuid(r, row, 1),
		.done_at = pg_time_us(r, row, 2),
		.action = pg_str(r, row, 3),
		.outcome = pg_str(r, row, 4),
		.actor = pg_str(r, row, 5),
		.client_id = pg_str(r, row, 6),
		.secret_version = pg_int4(r, row, 7),
		.detail = pg_str(r, row, 8),
		.remote_addr = pg_str(r, row, 9),
		.user_agent = pg_str(r, row, 10),
		.request_id = pg_uuid(r, row, 11),
		.has_request_id = !pg_is_null(r, row, 11),
		.transport = transport.n == 1 ? transport.p[0] : '?',
		.organization_id = pg_uuid(r, row, 13),
		.slug = pg_str(r, row, 14),
		.name = pg_str(r, row, 15),
	};
}

/* A row without an act_id says how far the search has come; one row more than was asked for says
 * that there are more; no row at all is a row of nulls. */
static void take_page(const PGresult *r, int32_t limit, struct listed_act rows[ACT_PAGE_MAX], struct act_page *page)
{
	int n = PQntuples(r);
	for (int i = 0; i < n && (int32_t)page->n < limit && !pg_is_null(r, i, 1); i++)
		rows[page->n++] = take_row(r, i);
	page->rows = rows;
	if ((int32_t)page->n == limit && n > limit) {
		page->more = true;
		page->next = (struct act_place){rows[limit - 1].done_at, rows[limit - 1].act_id};
	} else if (!pg_is_null(r, n - 1, 2) && pg_is_null(r, n - 1, 1)) {
		page->more = true;
		page->next = (struct act_place){pg_time_us(r, n - 1, 2), pg_uuid(r, n - 1, 11)};
	}
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct listed_act rows[ACT_PAGE_MAX];
	struct act_page page = {.n = 0};
	if (err == ERR_OK)
		err = PQntuples(r) > 0 ? outcome_err(pg_str(r, 0, 0)) : ERR_INTERNAL;
	else if (err != ERR_STORE_UNAVAILABLE)
		err = ERR_INTERNAL;
	if (err == ERR_OK)
		take_page(r, call->limit, rows, &page);
	call->done(call->arg, err, err == ERR_OK ? &page : NULL);
}

enum err act_list(struct store *s, const struct bearer *bearer, bool everywhere, struct str org, const struct act_filter *filter,
		  const struct act_place *before, int32_t limit, act_list_done *done, void *arg)
{
	const struct call call = {.limit = limit, .done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	bearer_put(&p, bearer);
	pg_put_bool(&p, everywhere);
	admin_put_org(&p, org);
	pg_put_text(&p, filter->client_id);
	pg_put_text(&p, filter->action);
	pg_put_text(&p, filter->actor);
	pg_put_text(&p, filter->outcome);
	pg_put_time(&p, filter->since);
	pg_put_time(&p, filter->until);
	pg_put_time(&p, before == NULL ? 0 : before->done_at);
	pg_put_uuid(&p, before == NULL ? NULL : &before->act_id);
	pg_put_int4(&p, limit);
	bearer_put_proof(&p, bearer);
	return store_submit(s, STMT_ACT_LIST, false, &p, answered, &call, sizeof call);
}
