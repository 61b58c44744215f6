#include "unit/store/fake_conn.h"

#include <criterion/criterion.h>
#include <endian.h>
#include <stdio.h>

struct pg_conn *pg_conn_new(struct event_base *base, const struct pg_open_spec *spec, const struct pg_conn_events *events,
			    unsigned units_max)
{
	(void)base, (void)spec, (void)events, (void)units_max;
	return NULL;
}

void pg_conn_start(struct pg_conn *c)
{
	(void)c;
}

void pg_conn_free(struct pg_conn *c)
{
	(void)c;
}

bool pg_conn_is_up(const struct pg_conn *c)
{
	return !c->down;
}

unsigned pg_conn_in_flight(const struct pg_conn *c)
{
	return c->in_flight;
}

const char *pg_conn_down_reason(const struct pg_conn *c)
{
	(void)c;
	return "database_unreachable";
}

PGresult *pg_conn_take_result(struct pg_conn *c)
{
	PGresult *r = c->result;
	c->result = NULL;
	return r;
}

enum err pg_conn_send_and_watch(struct pg_conn *c, unsigned statement, const struct pg_params *params, int timeout_ms, pg_unit_ran *ran,
				pg_unit_done *done, void *arg)
{
	cr_assert_eq(c->in_flight, 0);
	cr_assert_gt(timeout_ms, 0);
	c->timeout_ms = timeout_ms;
	cr_assert(pg_params_ok(params));
	if (c->down || c->refuses)
		return ERR_STORE_UNAVAILABLE;
	if (c->full)
		return ERR_OVERLOADED;
	c->statement = statement;
	c->sent++;
	c->in_flight = 1;
	c->ran = ran;
	c->done = done;
	c->arg = arg;
	return ERR_OK;
}

enum err pg_conn_send(struct pg_conn *c, unsigned statement, const struct pg_params *params, int timeout_ms, pg_unit_done *done, void *arg)
{
	return pg_conn_send_and_watch(c, statement, params, timeout_ms, NULL, done, arg);
}

enum err pg_conn_send_guarded(struct pg_conn *c, const struct pg_query *guard, const struct pg_query *q, int timeout_ms, pg_unit_done *done,
			      void *arg)
{
	(void)guard;
	return pg_conn_send_and_watch(c, q->statement, q->params, timeout_ms, NULL, done, arg);
}

/* ---- answers ---- */

void fake_conn_answer(struct pg_conn *c, PGresult *r)
{
	c->in_flight = 0;
	c->result = r;
	c->done(c->arg, ERR_OK, r);
	PQclear(pg_conn_take_result(c));
}

PGresult *issue_result(const struct issue_row *rows, int n)
{
	enum { ORD, OUTCOME, COLUMNS = 10 };
	char nothing[] = "", word[32];
	PGresAttDesc columns[COLUMNS];
	PGresult *r = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
	for (int c = 0; c < COLUMNS; c++)
		columns[c] = (PGresAttDesc){.name = nothing, .format = 1};
	cr_assert_eq(PQsetResultAttrs(r, COLUMNS, columns), 1);
	for (int row = 0; row < n; row++) {
		uint64_t ord = htobe64((uint64_t)rows[row].ord);
		cr_assert_eq(PQsetvalue(r, row, ORD, (char *)&ord, sizeof ord), 1);
		cr_assert_eq(PQsetvalue(r, row, OUTCOME, word, snprintf(word, sizeof word, "%s", rows[row].outcome)), 1);
		for (int c = OUTCOME + 1; c < COLUMNS; c++)
			cr_assert_eq(PQsetvalue(r, row, c, NULL, -1), 1);
	}
	return r;
}
