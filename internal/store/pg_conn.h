/* One PostgreSQL connection on an event loop: statements go out in order, each with a sync of
 * its own, and come back in order. PostgreSQL prepares a statement where the connection first
 * sends it: few of a gateway's are asked for on each of its connections, and a server that has
 * just taken over shall not read all of them for each.
 *
 *   DOWN -> DIALING (a thread opens it, bounded) -> UP -> DOWN (closing always says why; the
 *   next try waits a little longer each time)
 *
 * A unit is done when its sync has been answered, that is when its transaction has committed:
 * the result's rows arrive before that, and are had before that only by who asks for them
 * (pg_conn_send_and_watch). A unit that isn't answered in its time brings the connection down,
 * since what stands behind it can't be answered either; nothing is ever cancelled. So does an
 * answer that may be another unit's, which libpq gives when it runs out of memory. Private to
 * store/. */
#ifndef M2M_STORE_PG_CONN_H
#define M2M_STORE_PG_CONN_H

#include <event2/event.h>
#include <libpq-fe.h>
#include <stdbool.h>

#include "base/histogram.h"
#include "sql/pg_value.h"
#include "store/pg_open.h"

struct pg_conn;

struct pg_conn_events {
	void (*up)(void *arg);
	void (*down)(void *arg); /* after every unit in flight has been answered */
	/* takes the microseconds from each unit's sending to its answer */
	struct histogram *round_trips;
	void *arg;
};

/* Called once per unit, from the event loop, never from pg_conn_send. `r` is borrowed and NULL
 * unless err is what pg_err says of it. */
typedef void pg_unit_done(void *arg, enum err err, const PGresult *r);

/* The unit's statement has run, and `r` (borrowed; the one that `done` will get) is what it
 * answers if its transaction commits, which may still fail. */
typedef void pg_unit_ran(void *arg, const PGresult *r);

/* Within the call of `done`: makes the result the caller's, who clears it. NULL: there is none. */
PGresult *pg_conn_take_result(struct pg_conn *c);

/* Starts dialing at pg_conn_start. `spec` is borrowed for the connection's life. NULL: out of
 * memory. */
struct pg_conn *pg_conn_new(struct event_base *base, const struct pg_open_spec *spec, const struct pg_conn_events *events,
			    unsigned units_max);
void pg_conn_start(struct pg_conn *c);
/* Answers every unit with ERR_STORE_UNAVAILABLE, waits for a dialing thread (bounded by the
 * spec's timeouts) and frees. No `down` event. */
void pg_conn_free(struct pg_conn *c);

bool pg_conn_is_up(const struct pg_conn *c);
/* Of one that isn't up: a word for readiness, which says why it was lost or the last try to open
 * it failed. Static storage. */
const char *pg_conn_down_reason(const struct pg_conn *c);
unsigned pg_conn_in_flight(const struct pg_conn *c);

/* Sends one of the spec's statements, by its place. ERR_STORE_UNAVAILABLE: not up.
 * ERR_OVERLOADED: units_max in flight. ERR_TOO_LARGE: the parameters overflowed. On an error `done`
 * isn't called. */
MUST_CHECK enum err pg_conn_send(struct pg_conn *c, unsigned statement, const struct pg_params *params, int timeout_ms, pg_unit_done *done,
				 void *arg);

/* Two statements in one transaction: what `guard` answers is of no interest, and if it
 * fails, nothing of `q` is done, and the unit fails as it did. */
struct pg_query {
	unsigned statement;
	const struct pg_params *params;
};
MUST_CHECK enum err pg_conn_send_guarded(struct pg_conn *c, const struct pg_query *guard, const struct pg_query *q, int timeout_ms,
					 pg_unit_done *done, void *arg);

/* As pg_conn_send, and PostgreSQL is asked to send the rows before it commits (a Flush ahead of
 * the Sync), which costs it and us a message more. `ran` is called when they arrive, at most
 * once and before `done`; not at all if the commit is known by then, or the statement failed. */
MUST_CHECK enum err pg_conn_send_and_watch(struct pg_conn *c, unsigned statement, const struct pg_params *params, int timeout_ms,
					   pg_unit_ran *ran, pg_unit_done *done, void *arg);

#endif
