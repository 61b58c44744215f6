/* The issuing queue (issue.h tells the life of a request; issue_statement.h has what is sent). */
#include "store/issue.h"

#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "sql/audit_writer.h"
#include "store/issue_pace.h"
#include "store/issue_statement.h"
#include "store/store_parts.h"

#define SEAL_IDLE_US 1000000
#define SLICE_US     3000 /* of signing in one turn of the loop */

/* Fails one by itself; whatever is left of a group goes together. */
static void finish(struct issue_request *r, enum err err)
{
	r->err = err;
	r->done(&r, 1);
}

static void finish_all(struct list *requests, enum err err)
{
	for (struct list *n; (n = list_pop(requests)) != NULL;)
		finish(ISSUE_REQUEST(n), err);
}

static void put(struct list *queue, struct issue_request *r)
{
	r->queue = queue;
	list_append(queue, &r->node);
}

static void move_all(struct list *from, struct list *to)
{
	for (struct list *n; (n = list_pop(from)) != NULL;)
		put(to, ISSUE_REQUEST(n));
}

/* Requests that no statement carries. */
static unsigned depth(const struct issue_queue *q)
{
	return q->waiting_count + q->stale_count;
}

static void depth_changed(struct store *s)
{
	atomic_store_explicit(&s->counters.queue_depth, depth(&s->issue), memory_order_relaxed);
}

static struct issue_batch *free_batch(struct issue_queue *q)
{
	for (size_t i = 0; i < sizeof q->batches / sizeof *q->batches; i++)
		if (q->batches[i].keys == NULL)
			return &q->batches[i];
	return NULL;
}

static void release_batch(struct issue_batch *b)
{
	keyset_drop(b->keys);
	PQclear(b->result);
	*b = (struct issue_batch){.keys = NULL};
}

static void send_batch(struct store *s);

/* A batch or a seal in flight ends, and so do a reload of the keys and the answering of a batch:
 * each comes back to the pump. */
static bool blocked(const struct issue_queue *q)
{
	return !list_empty(&q->flying) || q->sealing || q->refused || (q->batches[0].keys != NULL && q->batches[1].keys != NULL);
}

static struct issue_load load(const struct store *s, enum issue_moment moment)
{
	const struct issue_queue *q = &s->issue;
	return (struct issue_load){
		.moment = moment,
		.waiting = q->waiting_count,
		.batch_max = s->config->batch_max,
		.blocked = blocked(q),
		.scheduled = event_pending(q->send, EV_TIMEOUT, NULL) != 0,
		.crowded = q->crowded > 0,
		.to_sign = q->answered_count,
		.token_us = q->token_us,
		.trip_us = q->trip_us,
	};
}

static enum issue_pace pace_at(const struct store *s, enum issue_moment moment)
{
	struct issue_load l = load(s, moment);
	return issue_pace(&l);
}

/* The pump: from here alone a batch is sent. */
static void pump_at(struct store *s, enum issue_moment moment, enum issue_pace pace)
{
	if (pace == PACE_NOW)
		send_batch(s);
	else if (pace == PACE_LATER && moment == ISSUE_ARRIVED)
		event_active(s->issue.send, EV_TIMEOUT, 0);
	else if (pace == PACE_LATER)
		event_add(s->issue.send, &(struct timeval){0, 0});
}

static void pump(struct store *s, enum issue_moment moment)
{
	pump_at(s, moment, pace_at(s, moment));
}

/* ---- in time ---- */

static int64_t timeout_us(const struct store *s)
{
	return (int64_t)s->config->request_timeout_ms * 1000;
}

/* From then on a request isn't sent any more. */
static int64_t sendable_until(const struct store *s, const struct issue_request *r)
{
	return r->until_us - timeout_us(s) / 4;
}

static void watch(struct store *s, int64_t at_us)
{
	struct issue_queue *q = &s->issue;
	if (at_us >= q->overdue_us)
		return;
	int64_t left_us = at_us - clock_mono_us();
	left_us = left_us < 0 ? 0 : left_us;
	q->overdue_us = at_us;
	event_add(q->overdue, &(struct timeval){left_us / 1000000, left_us % 1000000});
}

/* How many were moved. */
static unsigned take_overdue(struct store *s, struct list *queue, int64_t now_us, struct list *to)
{
	unsigned n = 0;
	struct list *next;
	for (struct list *it = queue->next; it != queue; it = next) {
		struct issue_request *r = ISSUE_REQUEST(it);
		next = it->next;
		if (sendable_until(s, r) > now_us) {
			watch(s, sendable_until(s, r));
			continue;
		}
		list_remove(it);
		put(to, r);
		n++;
	}
	return n;
}

static void on_overdue(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct store *s = arg;
	struct issue_queue *q = &s->issue;
	struct list failed;
	int64_t now_us = clock_mono_us();
	list_init(&failed);
	q->overdue_us = INT64_MAX;
	q->waiting_count -= take_overdue(s, &q->waiting, now_us, &failed);
	q->stale_count -= take_overdue(s, &q->stale, now_us, &failed);
	depth_changed(s);
	finish_all(&failed, ERR_STORE_UNAVAILABLE);
}

/* Takes what the next batch carries; what has waited for too long goes to `failed`.
 * *ret_until_us: when the first answer of the batch is due. */
static unsigned take_batch(struct store *s, int64_t now_us, struct list *failed, int64_t *ret_until_us)
{
	struct issue_queue *q = &s->issue;
	unsigned n = 0;
	*ret_until_us = now_us + timeout_us(s);
	while (n < s->config->batch_max && !list_empty(&q->waiting)) {
		struct issue_request *r = ISSUE_REQUEST(list_pop(&q->waiting));
		bool late = sendable_until(s, r) <= now_us;
		put(late ? failed : &q->flying, r);
		q->waiting_count--;
		n += !late;
		if (!late && r->until_us < *ret_until_us)
			*ret_until_us = r->until_us;
	}
	depth_changed(s);
	return n;
}

static void batch_written(void *arg, const PGresult *r);
static void batch_answered(void *arg, enum err err, const PGresult *r);

static enum err send_taken(struct store *s, unsigned n, int timeout_ms)
{
	struct issue_queue *q = &s->issue;
	struct signing_key *key = s->keys == NULL ? NULL : keyset_current(s->keys->set);
	enum err err = key == NULL ? s->why_no_key : audit_writer_prepare(q->writer, SEAL_WITH_BATCH);
	if (err != ERR_OK)
		return err;
	struct pg_params p;
	arena_reset(q->arena);
	pg_params_init(&p, q->arena);
	enum statement statement = issue_statement_put(s, &q->flying, signing_key_kid(key), &p);
	pg_unit_ran *written = n == 1 && signing_key_is_slow(key) ? batch_written : NULL;
	return pg_conn_send_and_watch(s->issue_conn, statement, &p, timeout_ms, written, batch_answered, s);
}

/* The pump's: not blocked, and somebody waits. */
static void send_batch(struct store *s)
{
	struct issue_queue *q = &s->issue;
	struct issue_batch *batch = free_batch(q);
	assert(list_empty(&q->flying) && !q->sealing && !q->refused && q->waiting_count > 0 && batch != NULL);
	struct list failed;
	int64_t now_us = clock_mono_us(), until_us;
	list_init(&failed);
	unsigned n = take_batch(s, now_us, &failed, &until_us);
	enum err err = n == 0 ? ERR_OK : send_taken(s, n, (int)((until_us - now_us) / 1000));
	if (err == ERR_OK && n > 0) {
		batch->keys = keyset_hold(s->keys);
		q->flying_batch = batch;
		q->sent_us = now_us;
		histogram_note(&s->counters.batch_sizes, &histogram_sizes, n);
	}
	finish_all(&failed, ERR_STORE_UNAVAILABLE);
	if (err == ERR_OK)
		return;
	move_all(&q->flying, &failed);
	finish_all(&failed, err);
	pump(s, ISSUE_ARRIVED); /* more than one batch takes */
}

static void writer_lost(struct store *s)
{
	audit_writer_lost(s->issue.writer);
	atomic_fetch_add_explicit(&s->counters.writers_lost, 1, memory_order_relaxed);
}

/* Reads the result into the requests, and what was written into the seal to come. False: the
 * result isn't one of these requests. */
static bool take_rows(struct store *s, const struct list *answered, const PGresult *r, struct signing_key *key)
{
	struct audit_writer *writer = s->issue.writer;
	struct uuid batch_id = audit_writer_batch(writer);
	if (!issue_statement_take(s, answered, r)) {
		log_message(LOG_ERROR, "database_statement_failed", "the issuing statement doesn't answer each request with one row");
		return false;
	}
	audit_writer_stored(writer, issue_statement_time(r));
	LIST_EACH (it, answered) {
		struct issue_request *req = ISSUE_REQUEST(it);
		req->key = key;
		if (req->err != ERR_OK)
			continue;
		struct audit_row row = issue_statement_wrote(req, batch_id);
		audit_writer_row(writer, &row);
	}
	return true;
}

static bool belongs(const struct list *next, const struct issue_request *first)
{
	return ISSUE_REQUEST(next)->batch->keys == first->batch->keys && ISSUE_REQUEST(next)->done == first->done;
}

/* Takes those that come next and may be signed together: with one key, also when the next batch
 * has committed meanwhile. */
static unsigned take_group(struct issue_queue *q, struct issue_request **group)
{
	const struct issue_batch *batch = ISSUE_REQUEST(q->answered.next)->batch;
	unsigned max = signing_key_group(keyset_current(batch->keys->set)), n = 0;
	do
		group[n++] = ISSUE_REQUEST(list_pop(&q->answered));
	while (n < max && !list_empty(&q->answered) && belongs(q->answered.next, group[0]));
	q->answered_count -= n;
	return n;
}

/* Batches all of whose requests are answered. */
static void release_answered(struct issue_queue *q)
{
	for (size_t i = 0; i < sizeof q->batches / sizeof *q->batches; i++) {
		struct issue_batch *b = &q->batches[i];
		if (b->keys != NULL && b != q->flying_batch && b->left == 0)
			release_batch(b);
	}
}

static int64_t averaged(int64_t average, int64_t now)
{
	return average == 0 ? now : average + (now - average) / 8;
}

/* Until the time is up: a signature takes up to a third of a millisecond, a batch has hundreds,
 * and others wait for this loop too. */
static void answer_some(struct store *s)
{
	struct issue_queue *q = &s->issue;
	int64_t now_us = clock_mono_us();
	int64_t until_us = now_us + SLICE_US;
	while (!list_empty(&q->answered) && now_us < until_us) {
		int64_t begun_us = now_us;
		struct issue_request *group[SIGNING_GROUP_MAX];
		unsigned n = take_group(q, group);
		assert(n > 0);
		for (unsigned i = 0; i < n; i++)
			group[i]->batch->left--;
		group[0]->done(group, n); /* they borrow from their batches until then */
		release_answered(q);
		pump(s, ISSUE_SIGNED);
		now_us = clock_mono_us();
		q->token_us = averaged(q->token_us, (now_us - begun_us) / n);
	}
	if (s->answered != NULL)
		s->answered(s->answered_arg);
	if (!list_empty(&q->answered))
		event_add(q->answer, &(struct timeval){0, 0});
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	pump(arg, ISSUE_TURN);
	answer_some(arg);
}

/* The batch's requests, each to where it goes on. */
static void sort_answered(struct store *s, struct list *requests, struct issue_batch *batch)
{
	struct issue_queue *q = &s->issue;
	for (struct list *n; (n = list_pop(requests)) != NULL;) {
		struct issue_request *req = ISSUE_REQUEST(n);
		if (req->err == ERR_STALE_KEY && !req->last_try) {
			req->last_try = true;
			put(&q->stale, req);
			q->stale_count++;
			watch(s, sendable_until(s, req));
			q->refused = true;
			continue;
		}
		if (req->err == ERR_OK)
			atomic_fetch_add_explicit(&s->counters.tokens_issued, 1, memory_order_relaxed);
		req->batch = batch;
		batch->left++;
		put(&q->answered, req);
		q->answered_count++;
	}
	depth_changed(s);
}

static void batch_failed(struct store *s, struct list *requests, struct issue_batch *batch)
{
	writer_lost(s);
	atomic_fetch_add_explicit(&s->counters.statement_failures, 1, memory_order_relaxed);
	release_batch(batch);
	/* whatever it was: what can't be recorded isn't issued */
	finish_all(requests, ERR_STORE_UNAVAILABLE);
	pump(s, ISSUE_ARRIVED);
}

/* ---- a commit is known ---- */

#define CROWDED_US      5   /* a sched_yield that nobody made use of takes less than one */
#define CROWDED_BATCHES 256 /* how long cores count as short after that */

/* The kernel tells whether cores are short: sched_yield returns at once unless somebody else
 * waits for this one. */
static void give_way(struct issue_queue *q)
{
	int64_t since_us = clock_mono_us();
	sched_yield();
	if (clock_mono_us() - since_us >= CROWDED_US)
		q->crowded = CROWDED_BATCHES;
	else if (q->crowded > 0)
		q->crowded--;
}

static bool few_wait(const struct store *s)
{
	return s->issue.waiting_count < ISSUE_GATHER_MAX && s->issue.waiting_count < s->config->batch_max;
}

static void go_on(struct store *s)
{
	struct issue_queue *q = &s->issue;
	if (event_pending(q->answer, EV_TIMEOUT, NULL))
		/* an earlier batch is still being answered: these answers come behind, and each
		 * slice pumps */
		return;
	enum issue_pace pace = pace_at(s, ISSUE_COMMITTED);
	if (pace != PACE_LATER && q->waiting_count > 0 && few_wait(s))
		give_way(q);
	pump_at(s, ISSUE_COMMITTED, pace);
	answer_some(s);
	if (pace == PACE_LATER)
		/* the answers are out: whoever got one may ask again by the next turn */
		give_way(q);
}

/* A batch of one, while PostgreSQL commits it: its token takes longer to sign than that takes,
 * so it is signed meanwhile. Others who wait are more important: the sooner this commit is known
 * to us, the sooner they are sent. */
static void batch_written(void *arg, const PGresult *r)
{
	struct store *s = arg;
	struct issue_queue *q = &s->issue;
	if (q->waiting_count > 0 || !list_empty(&q->answered) || !issue_statement_take(s, &q->flying, r))
		return;
	struct issue_request *req = ISSUE_REQUEST(q->flying.next);
	req->key = keyset_current(q->flying_batch->keys->set);
	if (req->err == ERR_OK)
		req->written(req);
}

static void batch_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	struct issue_queue *q = &s->issue;
	struct issue_batch *batch = q->flying_batch;
	struct list answered;
	list_init(&answered);
	move_all(&q->flying, &answered);
	q->flying_batch = NULL;
	s->last_issue_answer_us = q->written_us = clock_mono_us();
	q->trip_us = averaged(q->trip_us, q->written_us - q->sent_us);
	store_note_write(s, err);
	if (err != ERR_OK || !take_rows(s, &answered, r, keyset_current(batch->keys->set))) {
		batch_failed(s, &answered, batch);
		return;
	}
	batch->result = pg_conn_take_result(s->issue_conn); /* what was read is borrowed from it */
	atomic_fetch_add_explicit(&s->counters.seals, 1, memory_order_relaxed);
	assert(!q->refused);
	sort_answered(s, &answered, batch);
	bool fresher = batch->keys != s->keys;
	if (batch->left == 0)
		release_batch(batch);
	go_on(s);
	event_add(q->prepare, &(struct timeval){0, 0});
	if (q->refused && !fresher)
		store_reload_keys(s);
	if (q->refused && (fresher || !s->keys_loading))
		issue_keys_reloaded(s);
}

/* Those that were refused came first, and go first. */
static void take_stale_up(struct issue_queue *q)
{
	move_all(&q->waiting, &q->stale);
	move_all(&q->stale, &q->waiting);
	q->waiting_count += q->stale_count;
	q->stale_count = 0;
}

void issue_keys_reloaded(struct store *s)
{
	struct issue_queue *q = &s->issue;
	q->refused = false;
	if (!list_empty(&q->stale))
		take_stale_up(q);
	pump(s, ISSUE_ARRIVED);
}

void issue_connection_changed(struct store *s)
{
	/* pg_conn has answered the batch that was in flight; what waits would wait for an
	 * unknown time */
	struct list failed;
	list_init(&failed);
	move_all(&s->issue.waiting, &failed);
	move_all(&s->issue.stale, &failed);
	s->issue.waiting_count = s->issue.stale_count = 0;
	depth_changed(s);
	finish_all(&failed, ERR_STORE_UNAVAILABLE);
}

static void on_send(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	pump(arg, ISSUE_TURN);
}

/* ---- seals ---- */

/* In the turn after the one that answered, so that no token waits for it; a batch that is sent
 * earlier makes its seal itself. */
static void on_prepare(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct store *s = arg;
	if (list_empty(&s->issue.flying) && !s->issue.sealing && audit_writer_prepare(s->issue.writer, SEAL_WITH_BATCH) != ERR_OK)
		log_message(LOG_ERROR, "audit_seal_failed", "a seal can't be signed; tokens wait until one can");
}

static void seal_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	struct issue_queue *q = &s->issue;
	q->sealing = false;
	s->last_issue_answer_us = q->written_us = clock_mono_us();
	store_note_write(s, err);
	if (err == ERR_OK) {
		audit_writer_stored(q->writer, pg_time_us(r, 0, 0));
		atomic_fetch_add_explicit(&s->counters.seals, 1, memory_order_relaxed);
	} else {
		writer_lost(s);
	}
	pump(s, ISSUE_TURN);
	event_add(q->prepare, &(struct timeval){0, 0});
}

static void send_seal(struct store *s, enum audit_seal_kind kind)
{
	struct issue_queue *q = &s->issue;
	struct pg_params p;
	if (q->sealing || !list_empty(&q->flying) || !pg_conn_is_up(s->issue_conn) || audit_writer_prepare(q->writer, kind) != ERR_OK)
		return;
	arena_reset(q->arena);
	pg_params_init(&p, q->arena);
	audit_writer_put(q->writer, &p);
	q->sealing = pg_conn_send(s->issue_conn, STMT_SEAL, &p, (int)s->config->request_timeout_ms, seal_answered, s) == ERR_OK;
}

void issue_tick(struct store *s)
{
	if (audit_writer_behind(s->issue.writer) && clock_mono_us() - s->issue.written_us >= SEAL_IDLE_US)
		send_seal(s, SEAL_ALONE);
}

bool issue_ended(struct store *s)
{
	struct issue_queue *q = &s->issue;
	if (!q->ending && (audit_writer_behind(q->writer) || audit_writer_began(q->writer)))
		send_seal(s, SEAL_LAST);
	q->ending = true; /* tried once: a database that won't take it must not hold up the end */
	return !q->sealing;
}

bool issue_is_full(const struct store *s)
{
	return depth(&s->issue) >= s->config->queue_max;
}

bool issue_has_room(const struct store *s)
{
	return depth(&s->issue) <= s->config->queue_max / 2;
}

enum err issue_submit(struct store *s, struct issue_request *r)
{
	struct issue_queue *q = &s->issue;
	if (!pg_conn_is_up(s->issue_conn))
		return ERR_STORE_UNAVAILABLE;
	if (s->keys == NULL || keyset_current(s->keys->set) == NULL)
		return s->why_no_key;
	if (issue_is_full(s))
		return ERR_OVERLOADED;
	r->last_try = false;
	put(&q->waiting, r);
	q->waiting_count++;
	depth_changed(s);
	watch(s, sendable_until(s, r));
	pump(s, ISSUE_ARRIVED);
	return ERR_OK;
}

bool issue_withdraw(struct store *s, struct issue_request *r)
{
	struct issue_queue *q = &s->issue;
	if (r->queue != &q->waiting && r->queue != &q->stale) {
		r->last_try = true;
		return false;
	}
	list_remove(&r->node);
	if (r->queue == &q->waiting)
		q->waiting_count--;
	else
		q->stale_count--;
	depth_changed(s);
	r->queue = NULL;
	return true;
}

enum err issue_queue_init(struct store *s)
{
	struct issue_queue *q = &s->issue;
	list_init(&q->waiting);
	list_init(&q->flying);
	list_init(&q->answered);
	list_init(&q->stale);
	/* a request's columns are bounded by what the transports let through: ids, 512 bytes of
	 * user agent, scope and audience */
	q->arena = arena_new(16384 + (size_t)s->config->batch_max * 8192);
	q->column = calloc(s->config->batch_max, sizeof *q->column);
	q->rows = calloc(s->config->batch_max, sizeof *q->rows);
	q->send = event_new(s->base, -1, 0, on_send, s);
	q->prepare = event_new(s->base, -1, 0, on_prepare, s);
	q->answer = event_new(s->base, -1, 0, on_answer, s);
	q->overdue = event_new(s->base, -1, 0, on_overdue, s);
	q->overdue_us = INT64_MAX;
	if (q->arena == NULL || q->column == NULL || q->rows == NULL || q->send == NULL || q->prepare == NULL || q->answer == NULL ||
	    q->overdue == NULL)
		return ERR_NO_MEMORY;
	return audit_writer_new(&s->config->ring.keys[0], s->config->batch_max, &q->writer);
}

void issue_queue_free(struct store *s)
{
	if (s->issue.waiting.next != NULL) {
		issue_connection_changed(s);
		while (!list_empty(&s->issue.answered)) /* recorded: whoever waits for it gets it */
			answer_some(s);
	}
	if (s->issue.answer != NULL)
		event_free(s->issue.answer);
	if (s->issue.overdue != NULL)
		event_free(s->issue.overdue);
	if (s->issue.send != NULL)
		event_free(s->issue.send);
	if (s->issue.prepare != NULL)
		event_free(s->issue.prepare);
	audit_writer_free(s->issue.writer);
	arena_free(s->issue.arena);
	free(s->issue.column);
	free(s->issue.rows);
}
