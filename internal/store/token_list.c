#include "store/token_list.h"

#include "sql/admin_statement.h"
#include "sql/console.h"
#include "sql/outcome.h"
#include "store/store_parts.h"

struct call {
	int32_t limit;
	token_list_done *done;
	void *arg;
};

static struct listed_token take_row(const PGresult *r, int row)
{
	struct str transport = pg_str(r, row, 10);
	return (struct listed_token){
		.issued_at = pg_time_us(r, row, 1),
		.expires_at = pg_time_us(r, row, 2),
		.jti = pg_uuid(r, row, 3),
		.client_id = pg_str(r, row, 4),
		.secret_version = pg_int4(r, row, 5),
		.kid = pg_str(r, row, 6),
		.caller = pg_str(r, row, 7),
		.scope = pg_str(r, row, 8),
		.audience = pg_str(r, row, 9),
		.transport = transport.n == 1 ? transport.p[0] : '?',
		.remote_addr = pg_str(r, row, 11),
		.user_agent = pg_str(r, row, 12),
		.request_id = pg_uuid(r, row, 13),
		.auth_method = pg_str(r, row, 14),
		.credential = pg_str(r, row, 15),
		.bound_to = pg_str(r, row, 16),
		.organization_id = PQnfields(r) > 17 ? pg_uuid(r, row, 17) : (struct uuid){0},
		.slug = PQnfields(r) > 17 ? pg_str(r, row, 18) : STR_NONE,
		.organization_name = PQnfields(r) > 17 ? pg_str(r, row, 19) : STR_NONE,
	};
}

/* A row without a jti says how far the search has come; one row more than was asked for says
 * that there are more; no row at all is a row of nulls. */
static void take_page(const PGresult *r, int32_t limit, struct listed_token rows[TOKEN_PAGE_MAX], struct token_page *page)
{
	int n = PQntuples(r);
	for (int i = 0; i < n && (int32_t)page->n < limit && !pg_is_null(r, i, 3); i++)
		rows[page->n++] = take_row(r, i);
	page->rows = rows;
	if ((int32_t)page->n == limit && n > limit) {
		page->more = true;
		page->next = (struct token_place){rows[limit - 1].issued_at, rows[limit - 1].jti};
	} else if (!pg_is_null(r, n - 1, 1) && pg_is_null(r, n - 1, 3)) {
		page->more = true;
		page->next = (struct token_place){.issued_at = pg_time_us(r, n - 1, 1)};
	}
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct listed_token rows[TOKEN_PAGE_MAX];
	struct token_page page = {.n = 0};
	if (err == ERR_OK)
		err = PQntuples(r) > 0 ? outcome_err(pg_str(r, 0, 0)) : ERR_INTERNAL;
	else
		err = store_act_err(err);
	if (err == ERR_OK)
		take_page(r, call->limit, rows, &page);
	call->done(call->arg, err, err == ERR_OK ? &page : NULL);
}

enum err token_list(struct store *s, const struct bearer *bearer, const struct token_filter *filter, const struct token_place *before,
		    int32_t limit, token_list_done *done, void *arg)
{
	const struct call call = {.limit = limit, .done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	bearer_put(&p, bearer);
	pg_put_text(&p, filter->client_id);
	pg_put_uuid(&p, filter->jti);
	pg_put_int4_or_null(&p, filter->secret_version, filter->secret_version == 0);
	pg_put_text(&p, filter->remote_addr);
	pg_put_time(&p, filter->since);
	pg_put_time(&p, filter->until);
	pg_put_time(&p, before == NULL ? 0 : before->issued_at);
	pg_put_uuid(&p, before == NULL ? NULL : &before->jti);
	pg_put_int4(&p, limit);
	bearer_put_proof(&p, bearer);
	pg_put_text(&p, filter->auth_method);
	pg_put_text(&p, filter->credential);
	return store_submit(s, STMT_TOKEN_LIST, false, &p, answered, &call, sizeof call);
}

enum err token_list_all(struct store *s, const struct operator_proof *by, struct str org, const struct token_filter *filter,
			const struct token_place *before, int32_t limit, token_list_done *done, void *arg)
{
	const struct call call = {.limit = limit, .done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	console_put_proof(&p, by);
	admin_put_org(&p, org);
	pg_put_bool(&p, org.p != NULL);
	pg_put_text(&p, filter->client_id);
	pg_put_uuid(&p, filter->jti);
	pg_put_int4_or_null(&p, filter->secret_version, filter->secret_version == 0);
	pg_put_text(&p, filter->remote_addr);
	pg_put_time(&p, filter->since);
	pg_put_time(&p, filter->until);
	pg_put_time(&p, before == NULL ? 0 : before->issued_at);
	pg_put_uuid(&p, before == NULL ? NULL : &before->jti);
	pg_put_int4(&p, limit);
	pg_put_text(&p, filter->auth_method);
	pg_put_text(&p, filter->credential);
	return store_submit(s, STMT_OPERATOR_TOKEN_LIST, false, &p, answered, &call, sizeof call);
}
