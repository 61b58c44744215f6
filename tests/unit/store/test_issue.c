/* The issuing queue against a connection that obeys the test. These pg_conn_* are found before the library's; the loop is real, and nothing of it waits. */
#include <criterion/criterion.h>
#include <endian.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "store/store_parts.h"

#define REQUESTS 4

struct pg_conn {
	unsigned sent, in_flight;
	PGresult *result;
	pg_unit_done *done;
	void *arg;
};

static struct pg_conn issuing, serving;
static struct arena *arena;
static struct config config;
static struct store store;
static struct signing_key *key;
static struct issue_request requests[REQUESTS];
static unsigned done_count[REQUESTS];
static const struct store_origin origin = {.transport = 'g'};

/* ---- the connection ---- */

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
	(void)c;
	return true;
}

unsigned pg_conn_in_flight(const struct pg_conn *c)
{
	return c->in_flight;
}

PGresult *pg_conn_take_result(struct pg_conn *c)
{
	PGresult *r = c->result;
	c->result = NULL;
	return r;
}

enum err pg_conn_send(struct pg_conn *c, const char *statement, const struct pg_params *params, int timeout_ms, pg_unit_done *done,
		      void *arg)
{
	(void)statement, (void)timeout_ms;
	cr_assert_eq(c->in_flight, 0);
	cr_assert(pg_params_ok(params));
	c->sent++;
	c->in_flight = 1;
	c->done = done;
	c->arg = arg;
	return ERR_OK;
}

struct row {
	int64_t ord;
	const char *outcome;
};

static void answer_rows(const struct row *rows, int n)
{
	enum { ORD, OUTCOME, COLUMNS = 9 };
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
	issuing.in_flight = 0;
	issuing.result = r;
	issuing.done(issuing.arg, ERR_OK, r);
	PQclear(pg_conn_take_result(&issuing));
}

/* Every row of the batch has this outcome. */
static void answer_batch(int rows, const char *outcome)
{
	struct row all[REQUESTS];
	for (int i = 0; i < rows; i++)
		all[i] = (struct row){i + 1, outcome};
	answer_rows(all, rows);
}

/* Without fresh keys: the queue goes on whatever came of it. */
static void end_reload(void)
{
	cr_assert_eq(serving.in_flight, 1);
	serving.in_flight = 0;
	serving.done(serving.arg, ERR_STORE_UNAVAILABLE, NULL);
}

/* ---- the store around it ---- */

static struct shared_keyset *one_key(void)
{
	struct keyset_row row = {.seal_key_id = STR("k1"), .alg = STR("ES256"), .current = true};
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct str der;
	struct shared_keyset *keys = calloc(1, sizeof *keys);
	cr_assert_eq(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &config.ring, NULL), ERR_OK);
	cr_assert_eq(signing_key_generate(JWT_ES256, &key), ERR_OK);
	row.kid = signing_key_kid(key);
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	row.public_jwk = sbuf_str(&jwk);
	cr_assert_eq(signing_key_to_der(key, arena, &der), ERR_OK);
	cr_assert_eq(seal(arena, &config.ring.keys[0], row.kid, der, &row.sealed), ERR_OK);
	struct keyset_fault fault;
	cr_assert_eq(keyset_build(&config.ring, &row, 1, 1, &keys->set, &fault), ERR_OK);
	return keyset_hold(keys);
}

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 16);
	config.batch_max = 2;
	config.queue_max = REQUESTS;
	config.request_timeout_ms = 1000;
	store = (struct store){.config = &config,
			       .why_no_key = ERR_STALE_KEY,
			       .base = event_base_new(),
			       .issue_conn = &issuing,
			       .serve_conn = &serving,
			       .keys = one_key(),
			       .scratch = arena_new(1 << 16)};
	cr_assert_eq(issue_queue_init(&store), ERR_OK);
}

static void down(void)
{
	issue_queue_free(&store);
	keyset_drop(store.keys);
	event_base_free(store.base);
	arena_free(store.scratch);
	signing_key_free(key);
	arena_free(arena);
	crypto_fini();
}

TestSuite(issue, .init = up, .fini = down);

static void turn(void)
{
	event_base_loop(store.base, EVLOOP_NONBLOCK);
}

static void count_done(struct issue_request *r)
{
	done_count[r - requests]++;
}

static void count_nothing(struct issue_request *r)
{
	(void)r;
}

static struct issue_request *submit(unsigned i)
{
	requests[i] = (struct issue_request){
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = STR(""), .origin = &origin, .done = count_done};
	cr_assert_eq(issue_submit(&store, &requests[i]), ERR_OK);
	return &requests[i];
}

static void done_is(unsigned a, unsigned b, unsigned c)
{
	cr_assert_eq(done_count[0], a);
	cr_assert_eq(done_count[1], b);
	cr_assert_eq(done_count[2], c);
}

static unsigned depth(void)
{
	return (unsigned)atomic_load(&store.counters.queue_depth);
}

/* ---- withdrawing ---- */

Test(issue, one_that_waits_is_taken_out)
{
	struct issue_request *first = submit(0);
	submit(1);
	cr_assert_eq(depth(), 2);
	cr_assert(issue_withdraw(&store, first));
	cr_assert_eq(depth(), 1);
	turn();
	cr_assert_eq(issuing.sent, 1);
	answer_batch(1, "granted");
	done_is(0, 1, 0);
	cr_assert(store_idle(&store));
}

Test(issue, when_the_last_one_is_taken_out_nothing_is_sent)
{
	cr_assert(issue_withdraw(&store, submit(0)));
	turn();
	cr_assert_eq(issuing.sent, 0);
	cr_assert(store_idle(&store));
	done_is(0, 0, 0);
}

Test(issue, one_that_is_taken_out_makes_room)
{
	for (unsigned i = 0; i < REQUESTS; i++)
		submit(i);
	struct issue_request more = requests[0];
	cr_assert_eq(issue_submit(&store, &more), ERR_OVERLOADED);
	cr_assert(issue_withdraw(&store, &requests[0]));
	submit(0);
	cr_assert_eq(depth(), REQUESTS);
}

Test(issue, one_that_a_statement_carries_stays)
{
	struct issue_request *r = submit(0);
	turn();
	cr_assert_not(issue_withdraw(&store, r));
	answer_batch(1, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(r->err, ERR_OK);
}

Test(issue, behind_a_full_batch_one_can_still_be_taken_out)
{
	submit(0);
	submit(1);
	struct issue_request *third = submit(2);
	turn();
	cr_assert_eq(depth(), 1);
	cr_assert(issue_withdraw(&store, third));
	cr_assert_eq(depth(), 0);
	answer_batch(2, "granted");
	done_is(1, 1, 0);
	cr_assert_eq(issuing.sent, 1);
}

/* ---- the rows of a result ---- */

Test(issue, rows_belong_to_requests_by_their_ord_in_whatever_order_they_come)
{
	submit(0);
	submit(1);
	turn();
	answer_rows((struct row[]){{2, "invalid_client"}, {1, "invalid_scope"}}, 2);
	done_is(1, 1, 0);
	cr_assert_eq(requests[0].err, ERR_INVALID_SCOPE);
	cr_assert_eq(requests[1].err, ERR_INVALID_CLIENT);
}

/* What isn't known to be recorded isn't issued; and whoever came later is served. */
static void refuses_result(const struct row *rows, int n)
{
	submit(0);
	submit(1);
	turn();
	unsigned sent = issuing.sent;
	submit(2);
	answer_rows(rows, n);
	done_is(1, 1, 0);
	cr_assert_eq(requests[0].err, ERR_STORE_UNAVAILABLE);
	cr_assert_eq(requests[1].err, ERR_STORE_UNAVAILABLE);
	cr_assert_null(requests[0].key);
	cr_assert_eq(atomic_load(&store.counters.tokens_issued), 0);
	cr_assert_eq(atomic_load(&store.counters.statement_failures), 1);
	cr_assert_eq(atomic_load(&store.counters.writers_lost), 1,
		     "the rows may be there, so the next writer seals what this one should have");
	turn();
	cr_assert_eq(issuing.sent, sent + 1);
	answer_batch(1, "granted");
	done_is(1, 1, 1);
	cr_assert_eq(requests[2].err, ERR_OK);
	cr_assert(store_idle(&store));
}

Test(issue, a_request_without_a_row_fails_its_batch)
{
	refuses_result((struct row[]){{1, "granted"}}, 1);
}

Test(issue, so_does_a_result_without_rows)
{
	refuses_result(NULL, 0);
}

Test(issue, so_does_a_request_with_two_rows)
{
	refuses_result((struct row[]){{1, "granted"}, {1, "granted"}}, 2);
}

Test(issue, so_does_a_row_too_many)
{
	refuses_result((struct row[]){{1, "granted"}, {2, "granted"}, {2, "granted"}}, 3);
}

Test(issue, so_does_a_row_before_the_first_request)
{
	refuses_result((struct row[]){{0, "granted"}, {1, "granted"}}, 2);
}

Test(issue, so_does_a_row_behind_the_last_request)
{
	refuses_result((struct row[]){{1, "granted"}, {3, "granted"}}, 2);
}

Test(issue, so_does_a_row_far_from_any_request)
{
	refuses_result((struct row[]){{1, "granted"}, {INT64_MIN, "granted"}}, 2);
}

/* ---- answering ---- */

static void take_long(struct issue_request *r)
{
	usleep(10000);
	cr_assert(r->granted_scope.p == NULL, "what it borrows is still there: a null");
	count_done(r);
}

static unsigned others;

static void count_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	others++;
}

/* A slow signature doesn't keep the loop from what else there is to do; the next batch is under way meanwhile, and its answers come behind. */
Test(issue, answers_go_out_a_few_a_turn_and_in_order)
{
	struct event *other = event_new(store.base, -1, EV_PERSIST, count_other, NULL);
	event_add(other, &(struct timeval){0, 100});
	submit(0)->done = take_long;
	submit(1)->done = take_long;
	turn();
	submit(2);
	answer_batch(2, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(issuing.sent, 2, "the next batch does not wait");
	cr_assert_not(store_idle(&store));
	answer_batch(1, "granted");
	done_is(1, 0, 0);
	cr_assert_not(issue_withdraw(&store, &requests[2]));
	others = 0;
	for (int i = 0; i < 10 && done_count[2] == 0; i++)
		turn();
	done_is(1, 1, 1);
	cr_assert_gt(others, 0U);
	cr_assert(store_idle(&store));
	event_free(other);
}

/* Two batches whose requests wait for signatures are enough: a third one would gather answers faster than they can go out. */
Test(issue, a_third_batch_waits_until_one_is_answered)
{
	submit(0)->done = take_long;
	submit(1)->done = take_long;
	turn();
	submit(2)->done = take_long;
	answer_batch(2, "granted");
	cr_assert_eq(issuing.sent, 2);
	answer_batch(1, "granted");
	struct issue_request fourth = {
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = STR(""), .origin = &origin, .done = count_nothing};
	cr_assert_eq(issue_submit(&store, &fourth), ERR_OK);
	done_is(1, 0, 0);
	event_base_loop(store.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	for (int i = 0; i < 10 && issuing.sent < 3; i++)
		turn();
	cr_assert_eq(done_count[1], 1);
	cr_assert_eq(issuing.sent, 3);
	answer_batch(1, "granted");
	for (int i = 0; i < 10 && !store_idle(&store); i++)
		turn();
	cr_assert(store_idle(&store));
}

/* What has committed is answered, whatever ends the store. */
Test(issue, the_end_of_the_store_answers_what_has_committed)
{
	submit(0)->done = take_long;
	submit(1)->done = take_long;
	turn();
	answer_batch(2, "granted");
	done_is(1, 0, 0);
	issue_queue_free(&store);
	done_is(1, 1, 0);
	cr_assert_eq(requests[1].err, ERR_OK);
	store.issue = (struct issue_queue){.waiting_count = 0};
}

static bool withdrawn_inside;

static void withdraw_the_next(struct issue_request *r)
{
	count_done(r);
	withdrawn_inside = issue_withdraw(&store, &requests[1]);
}

/* An answer may close a connection on which others wait: those that the same statement has answered already are not taken out of anything. */
Test(issue, one_that_was_answered_stays)
{
	submit(0)->done = withdraw_the_next;
	submit(1);
	turn();
	withdrawn_inside = true;
	answer_batch(2, "granted");
	cr_assert_not(withdrawn_inside);
	done_is(1, 1, 0);
}

Test(issue, nor_is_one_that_fails_with_the_others)
{
	submit(0)->done = withdraw_the_next;
	submit(1);
	withdrawn_inside = true;
	issue_connection_changed(&store);
	cr_assert_not(withdrawn_inside);
	done_is(1, 1, 0);
	cr_assert_eq(requests[1].err, ERR_STORE_UNAVAILABLE);
}

/* ---- and keys that are no longer current ---- */

Test(issue, one_that_waits_for_reloaded_keys_is_taken_out)
{
	struct issue_request *first = submit(0);
	submit(1);
	turn();
	answer_batch(2, "stale_key");
	done_is(0, 0, 0);
	cr_assert(issue_withdraw(&store, first));
	cr_assert_eq(depth(), 0, "it wasn't counted");
	end_reload();
	cr_assert_eq(depth(), 1);
	turn();
	cr_assert_eq(issuing.sent, 2);
	answer_batch(1, "granted");
	done_is(0, 1, 0);
}

Test(issue, one_that_goes_out_again_can_be_taken_out_until_then)
{
	struct issue_request *r = submit(0);
	turn();
	answer_batch(1, "stale_key");
	end_reload();
	cr_assert(issue_withdraw(&store, r));
	cr_assert_eq(depth(), 0);
	turn();
	cr_assert_eq(issuing.sent, 1);
}

Test(issue, a_stale_key_is_tried_once_more_for_whoever_waits)
{
	struct issue_request *r = submit(0);
	turn();
	answer_batch(1, "stale_key");
	end_reload();
	turn();
	cr_assert_eq(issuing.sent, 2);
	answer_batch(1, "stale_key");
	done_is(1, 0, 0);
	cr_assert_eq(r->err, ERR_STALE_KEY);
}

Test(issue, a_stale_key_is_not_tried_again_for_nobody)
{
	struct issue_request *r = submit(0);
	turn();
	cr_assert_not(issue_withdraw(&store, r));
	answer_batch(1, "stale_key");
	done_is(1, 0, 0);
	cr_assert_eq(r->err, ERR_STALE_KEY);
	turn();
	cr_assert_eq(issuing.sent, 1);
}
