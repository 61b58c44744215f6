/* The connection's state machine. Data: pg_conn_send -> (PQsendPrepare, the first time) ->
 * PQsendQueryPrepared + PQpipelineSync -> flush; readable -> PQgetResult -> the head unit's result
 * -> (ran, if asked for) -> its sync -> done. One function (go_down) ends a connection, whatever
 * the reason. */
#include "store/pg_conn.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "sql/pg_message.h"

#define RETRY_FIRST_MS 100
#define RETRY_MOST_MS  2000

#define END_WAIT_S 1

enum state { DOWN, DIALING, UP };
enum stage { CONNECTING, TALKING, ABANDONED };
/* of a statement on this connection; PREPARING: a unit in flight does it */
enum readiness { UNPREPARED, PREPARING, PREPARED };

/* A message of a unit that has an answer: a statement is prepared, or runs. */
struct step {
	unsigned statement;
	bool prepares;
};

#define STEPS_MAX 4 /* a guard and what it guards, each prepared */

struct unit {
	int64_t sent_us, deadline_us;
	struct step steps[STEPS_MAX];
	unsigned steps_n, answered;
	pg_unit_ran *ran; /* NULL: nobody asks, or has been told */
	pg_unit_done *done;
	void *arg;
	PGresult *result;
};

struct pg_conn {
	struct event_base *base;
	const struct pg_open_spec *spec;
	struct pg_conn_events events;
	enum state state;
	bool broken; /* UP: what libpq was told isn't what our list has, so it goes down */

	PGconn *pg;
	uint8_t *readiness; /* enum readiness, of each of the spec's statements */
	struct event *readable, *writable;
	struct event *timer; /* UP: the head unit's deadline; DOWN: the next dialing */
	struct unit *units;  /* a ring of unit_max: what was sent and isn't answered */
	unsigned unit_first, unit_count, unit_max;
	PGresult *answering; /* of the unit whose `done` is called now, unless it was taken */
	int retry_ms;
	const char *down_reason; /* unless it is UP; static storage */

	struct dial *dial; /* DIALING */
	int dialed;
	struct event *dialed_event;
};

/* What a dialing thread works on: it fills this and then writes to `dialed`; the loop reads it
 * after that and after joining. An abandoned one, which a resolver may hold for minutes, frees
 * it itself. */
struct dial {
	pthread_t thread;
	_Atomic int stage; /* enum stage */
	/* what it borrows is looked at before CONNECTING and while TALKING */
	struct pg_open_spec spec;
	int dialed;
	PGconn *pg;
	char why[512];
	const char *reason; /* of a failure, one word */
};

static void arm(struct event *timer, int64_t us)
{
	if (us < 0)
		us = 0;
	struct timeval tv = {us / 1000000, us % 1000000};
	evtimer_add(timer, &tv);
}

/* ---- dialing ---- */

/* pg_open's question once it is connected: it goes on unless the dial was abandoned. */
static bool go_on(void *arg)
{
	struct dial *d = arg;
	int connecting = CONNECTING;
	return atomic_compare_exchange_strong(&d->stage, &connecting, TALKING);
}

static void *dial(void *arg)
{
	struct dial *d = arg;
	struct sbuf why = sbuf_fixed(d->why, sizeof d->why);
	enum pg_open_outcome outcome = pg_open(&d->spec, &d->pg, &why, &d->reason);
	assert((outcome == PG_OPEN_OK) == (d->pg != NULL));
	(void)outcome;
	if (!go_on(d) && atomic_load(&d->stage) == ABANDONED) {
		free(d);
		return NULL;
	}
	uint64_t one = 1;
	ssize_t written = write(d->dialed, &one, sizeof one);
	(void)written; /* an eventfd takes one increment always */
	return NULL;
}

static void retry_later(struct pg_conn *c)
{
	c->state = DOWN;
	arm(c->timer, (int64_t)c->retry_ms * 1000);
	c->retry_ms = c->retry_ms * 2 > RETRY_MOST_MS ? RETRY_MOST_MS : c->retry_ms * 2;
}

static void start_dialing(struct pg_conn *c)
{
	assert(c->state == DOWN && c->pg == NULL && c->dial == NULL);
	struct dial *d = calloc(1, sizeof *d);
	if (d != NULL) {
		d->spec = *c->spec;
		d->spec.connected = go_on;
		d->spec.arg = d;
		d->dialed = c->dialed;
	}
	if (d == NULL || pthread_create(&d->thread, NULL, dial, d) != 0) {
		free(d);
		retry_later(c);
		return;
	}
	c->dial = d;
	c->state = DIALING;
}

/* Every step of a dial has its time, but for the look-up of the server's name. */
static void end_dialing(struct pg_conn *c)
{
	struct dial *d = c->dial;
	struct timespec until;
	int connecting = CONNECTING;
	c->dial = NULL;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += END_WAIT_S;
	if (pthread_clockjoin_np(d->thread, NULL, CLOCK_MONOTONIC, &until) != 0) {
		if (atomic_compare_exchange_strong(&d->stage, &connecting, ABANDONED)) {
			pthread_detach(d->thread);
			return;
		}
		pthread_join(d->thread, NULL);
	}
	PQfinish(d->pg);
	free(d);
}

static struct unit *head_unit(struct pg_conn *c)
{
	return &c->units[c->unit_first];
}

static struct unit take_head(struct pg_conn *c)
{
	struct unit u = *head_unit(c);
	c->unit_first = (c->unit_first + 1) % c->unit_max;
	c->unit_count--;
	return u;
}

static void fail_units(struct pg_conn *c)
{
	while (c->unit_count > 0) {
		struct unit u = take_head(c);
		PQclear(u.result);
		u.done(u.arg, ERR_STORE_UNAVAILABLE, NULL);
	}
}

static void close_pg(struct pg_conn *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	c->readable = c->writable = NULL;
	PQfinish(c->pg);
	c->pg = NULL;
}

static void go_down(struct pg_conn *c, const char *why)
{
	assert(c->state == UP);
	char line[PG_LINE];
	log_message(LOG_WARN, "database_connection_lost", "%s: %s", c->spec->application_name, pg_first_line(c->pg, why, line));
	evtimer_del(c->timer);
	close_pg(c);
	c->down_reason = "database_unreachable";
	retry_later(c);
	fail_units(c);
	c->events.down(c->events.arg);
}

/* ---- up ---- */

static void rearm_deadline(struct pg_conn *c)
{
	if (c->broken) /* the timer is active, and libevent takes that back when it is set */
		return;
	if (c->unit_count == 0)
		evtimer_del(c->timer);
	else
		arm(c->timer, head_unit(c)->deadline_us - clock_mono_us());
}

static void flush(struct pg_conn *c)
{
	/* 1: the socket is full; -1 shows as an error at the next read as well, where it is
	 * handled */
	if (PQflush(c->pg) == 1)
		event_add(c->writable, NULL);
}

/* The server's failures have an SQLSTATE. */
static bool is_libpqs(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_FATAL_ERROR && PQresultErrorField(r, PG_DIAG_SQLSTATE) == NULL;
}

static void finish_head(struct pg_conn *c)
{
	struct unit u = take_head(c);
	rearm_deadline(c);
	histogram_note(c->events.round_trips, &histogram_microseconds, (uint64_t)(clock_mono_us() - u.sent_us));
	enum err err = pg_err(u.result);
	if (err == ERR_INTERNAL || err == ERR_STORE_UNAVAILABLE) {
		char line[PG_LINE];
		log_message(err == ERR_INTERNAL ? LOG_ERROR : LOG_WARN, "database_statement_failed", "%s",
			    pg_first_line(c->pg, PQresultErrorMessage(u.result), line));
	}
	c->answering = u.result;
	u.done(u.arg, err, u.result);
	PQclear(pg_conn_take_result(c));
}

PGresult *pg_conn_take_result(struct pg_conn *c)
{
	PGresult *r = c->answering;
	c->answering = NULL;
	return r;
}

static void tell_ran(struct unit *u)
{
	pg_unit_ran *ran = u->ran;
	if (ran == NULL || u->answered < u->steps_n || u->result == NULL || pg_err(u->result) != ERR_OK)
		return;
	u->ran = NULL;
	ran(u->arg, u->result);
}

static bool failed_with(const PGresult *r, const char *sqlstate)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	return state != NULL && strcmp(state, sqlstate) == 0;
}

/* One that couldn't be prepared, also because the one before it couldn't, is prepared by the next
 * unit that wants it. A unit in between finds it missing, as does one of a server that forgot. */
static void note_readiness(struct pg_conn *c, const struct step *step, const PGresult *r)
{
	uint8_t *readiness = &c->readiness[step->statement];
	if (step->prepares)
		*readiness = PQresultStatus(r) == PGRES_COMMAND_OK || failed_with(r, PG_STATEMENT_IS_THERE) ? PREPARED : UNPREPARED;
	else if (failed_with(r, PG_NO_SUCH_STATEMENT) && *readiness == PREPARED)
		*readiness = UNPREPARED;
}

/* The last statement's; or the failure of the one before, which has kept it from running. */
static void keep_result(struct unit *u, PGresult *r)
{
	if (PQresultStatus(r) == PGRES_PIPELINE_ABORTED && u->result != NULL) {
		PQclear(r);
		return;
	}
	PQclear(u->result);
	u->result = r;
}

/* The head unit's. A sync that libpq has no memory for is lost, and each unit behind it is given
 * the next one's answer. Mostly libpq fails by itself at the next result, but not where that is
 * the server's refusal. NULL, or why no answer can be told from another's any more, until the units
 * are failed. */
static const char *take_result(struct pg_conn *c, PGresult *r)
{
	struct unit *head = head_unit(c);
	bool is_sync = PQresultStatus(r) == PGRES_PIPELINE_SYNC, is_failure = is_libpqs(r);
	bool is_answer = head->answered < head->steps_n;
	if (is_sync) {
		PQclear(r);
		if (!is_answer)
			finish_head(c);
		return is_answer ? "a statement has no answer" : NULL;
	}
	if (is_answer)
		note_readiness(c, &head->steps[head->answered++], r);
	keep_result(head, r);
	/* one more than there are statements: its commit has failed, unless another unit has */
	bool fits = is_answer || c->unit_count == 1;
	return fits && !is_failure ? NULL : PQresultErrorMessage(head->result);
}

/* As take_result. A unit's callbacks may send more, but never close: only this file does. One NULL
 * stands between a statement's results and its sync; a second one in a row means that there is
 * nothing more to be had now. */
static const char *take_results(struct pg_conn *c)
{
	const char *fault = NULL;
	int nulls = 0;
	while (fault == NULL && c->unit_count > 0 && nulls < 2 && !PQisBusy(c->pg)) {
		PGresult *r = PQgetResult(c->pg);
		nulls = r == NULL ? nulls + 1 : 0;
		if (r != NULL)
			fault = take_result(c, r);
	}
	return fault;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct pg_conn *c = arg;
	if (PQconsumeInput(c->pg) != 1) {
		go_down(c, PQerrorMessage(c->pg));
		return;
	}
	const char *fault = take_results(c);
	if (fault == NULL && c->unit_count > 0)
		tell_ran(head_unit(c));
	if (fault != NULL || PQstatus(c->pg) != CONNECTION_OK)
		go_down(c, fault != NULL ? fault : PQerrorMessage(c->pg));
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	flush(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct pg_conn *c = arg;
	if (c->state == UP)
		go_down(c, c->broken ? "a statement could not be sent" : "a statement was not answered in time");
	else if (c->state == DOWN)
		start_dialing(c);
}

static void on_dialed(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct pg_conn *c = arg;
	uint64_t count;
	if (read(fd, &count, sizeof count) != sizeof count)
		return;
	assert(c->state == DIALING);
	pthread_join(c->dial->thread, NULL);
	c->pg = c->dial->pg;
	if (c->pg == NULL) {
		c->down_reason = c->dial->reason;
		log_message(LOG_WARN, "database_connect_failed", "%s: %s", c->spec->application_name, c->dial->why);
	}
	free(c->dial);
	c->dial = NULL;
	if (c->pg == NULL) {
		retry_later(c);
		return;
	}
	c->readable = event_new(c->base, PQsocket(c->pg), EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(c->base, PQsocket(c->pg), EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) != 0) {
		close_pg(c);
		retry_later(c);
		return;
	}
	c->state = UP;
	c->broken = false;
	c->retry_ms = RETRY_FIRST_MS;
	memset(c->readiness, UNPREPARED, c->spec->statement_count);
	log_message(LOG_INFO, "database_connected", "%s", c->spec->application_name);
	c->events.up(c->events.arg);
}

/* What stands before a unit has to be answered before it, so by its deadline at the latest. */
static void hurry(struct pg_conn *c, int64_t deadline_us)
{
	bool earlier = false;
	for (unsigned i = c->unit_count; i-- > 0;) {
		struct unit *u = &c->units[(c->unit_first + i) % c->unit_max];
		if (u->deadline_us <= deadline_us)
			break;
		u->deadline_us = deadline_us;
		earlier = i == 0;
	}
	if (earlier)
		rearm_deadline(c);
}

static void add_step(struct unit *u, unsigned statement, bool prepares)
{
	u->steps[u->steps_n++] = (struct step){statement, prepares};
}

static bool prepare(struct pg_conn *c, struct unit *u, const struct pg_query *q)
{
	assert(q->statement < c->spec->statement_count);
	const struct pg_statement *s = &c->spec->statements[q->statement];
	if (c->readiness[q->statement] != UNPREPARED)
		return true;
	if (PQsendPrepare(c->pg, s->name, s->sql, 0, NULL) != 1)
		return false;
	c->readiness[q->statement] = PREPARING;
	add_step(u, q->statement, true);
	return true;
}

static bool send_query(struct pg_conn *c, struct unit *u, const struct pg_query *q)
{
	const struct pg_params *p = q->params;
	add_step(u, q->statement, false);
	return PQsendQueryPrepared(c->pg, c->spec->statements[q->statement].name, p->n, p->values, p->lengths, p->formats, 1) == 1;
}

/* What a guard refuses has been prepared before: a unit behind this one counts on it. */
static bool send_queries(struct pg_conn *c, struct unit *u, const struct pg_query *guard, const struct pg_query *q)
{
	if ((guard != NULL && !prepare(c, u, guard)) || !prepare(c, u, q))
		return false;
	return (guard == NULL || send_query(c, u, guard)) && send_query(c, u, q);
}

static enum err send_unit(struct pg_conn *c, const struct pg_query *guard, const struct pg_query *q, int timeout_ms, struct unit u)
{
	if (c->state != UP || c->broken)
		return ERR_STORE_UNAVAILABLE;
	if (c->unit_count >= c->unit_max)
		return ERR_OVERLOADED;
	if (!pg_params_ok(q->params) || (guard != NULL && !pg_params_ok(guard->params)))
		return ERR_TOO_LARGE;
	if (!send_queries(c, &u, guard, q) || (u.ran != NULL && PQsendFlushRequest(c->pg) != 1) || PQpipelineSync(c->pg) != 1) {
		/* libpq is out of memory or its socket is dead: begin anew from the loop */
		c->broken = true;
		event_active(c->timer, EV_TIMEOUT, 0);
		return ERR_STORE_UNAVAILABLE;
	}
	u.sent_us = clock_mono_us();
	u.deadline_us = u.sent_us + (int64_t)timeout_ms * 1000;
	hurry(c, u.deadline_us);
	c->units[(c->unit_first + c->unit_count) % c->unit_max] = u;
	if (++c->unit_count == 1)
		rearm_deadline(c);
	flush(c);
	return ERR_OK;
}

enum err pg_conn_send_and_watch(struct pg_conn *c, unsigned statement, const struct pg_params *p, int timeout_ms, pg_unit_ran *ran,
				pg_unit_done *done, void *arg)
{
	return send_unit(c, NULL, &(struct pg_query){statement, p}, timeout_ms, (struct unit){.ran = ran, .done = done, .arg = arg});
}

enum err pg_conn_send(struct pg_conn *c, unsigned statement, const struct pg_params *p, int timeout_ms, pg_unit_done *done, void *arg)
{
	return pg_conn_send_and_watch(c, statement, p, timeout_ms, NULL, done, arg);
}

enum err pg_conn_send_guarded(struct pg_conn *c, const struct pg_query *guard, const struct pg_query *q, int timeout_ms, pg_unit_done *done,
			      void *arg)
{
	return send_unit(c, guard, q, timeout_ms, (struct unit){.done = done, .arg = arg});
}

/* ---- life ---- */

struct pg_conn *pg_conn_new(struct event_base *base, const struct pg_open_spec *spec, const struct pg_conn_events *events,
			    unsigned units_max)
{
	struct pg_conn *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->base = base;
	c->spec = spec;
	c->events = *events;
	c->unit_max = units_max;
	c->retry_ms = RETRY_FIRST_MS;
	c->down_reason = "database_unreachable";
	c->units = calloc(units_max, sizeof *c->units);
	c->readiness = calloc(spec->statement_count + 1, sizeof *c->readiness);
	c->dialed = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	c->timer = evtimer_new(base, on_timer, c);
	c->dialed_event = c->dialed < 0 ? NULL : event_new(base, c->dialed, EV_READ | EV_PERSIST, on_dialed, c);
	if (c->units == NULL || c->readiness == NULL || c->timer == NULL || c->dialed_event == NULL ||
	    event_add(c->dialed_event, NULL) != 0) {
		pg_conn_free(c);
		return NULL;
	}
	return c;
}

void pg_conn_start(struct pg_conn *c)
{
	start_dialing(c);
}

void pg_conn_free(struct pg_conn *c)
{
	if (c == NULL)
		return;
	if (c->state == DIALING)
		end_dialing(c);
	c->state = DOWN;
	close_pg(c);
	fail_units(c);
	if (c->timer != NULL)
		event_free(c->timer);
	if (c->dialed_event != NULL)
		event_free(c->dialed_event);
	if (c->dialed >= 0)
		close(c->dialed);
	free(c->units);
	free(c->readiness);
	free(c);
}

bool pg_conn_is_up(const struct pg_conn *c)
{
	return c->state == UP;
}
const char *pg_conn_down_reason(const struct pg_conn *c)
{
	return c->down_reason;
}
unsigned pg_conn_in_flight(const struct pg_conn *c)
{
	return c->unit_count;
}
