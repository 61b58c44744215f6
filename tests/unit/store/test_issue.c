/* The issuing queue against a connection that obeys the test; the loop is real, and nothing of it
 * waits. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/key_wrap.h"
#include "store/store_seam.h"
#include "unit/store/fake_conn.h"

#define REQUESTS 4
#define MANY     70 /* more than two groups */
#define HOUR_MS  3600000

static struct pg_conn issuing, serving;
static struct arena *arena;
static struct config config;
static struct event_base *loop;
static struct store *store;
static struct store_seam seam;
static struct signing_key *key;
static struct issue_request requests[MANY];
static unsigned done_count[MANY];
static const struct origin origin = {.transport = 'g'};

/* ---- who else wants the core ---- */

static unsigned yields;
static useconds_t yield_us;
static unsigned left; /* how often gathered answers did */
static unsigned left_at_yield;

/* Found before the C library's. */
int sched_yield(void)
{
	yields++;
	left_at_yield = left;
	if (yield_us > 0)
		usleep(yield_us);
	return (int)syscall(SYS_sched_yield);
}

/* ---- answers ---- */

static void answer_rows(const struct issue_row *rows, int n)
{
	fake_conn_answer(&issuing, issue_result(rows, n));
}

/* The statement has run; its commit isn't known. */
static void run_rows(const struct issue_row *rows, int n)
{
	PGresult *r = issue_result(rows, n);
	issuing.ran(issuing.arg, r);
	PQclear(r);
}

/* Every row of the batch has this outcome. */
static void answer_batch(int rows, const char *outcome)
{
	struct issue_row all[MANY];
	for (int i = 0; i < rows; i++)
		all[i] = (struct issue_row){i + 1, outcome};
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

static void sign_with(enum jwt_alg alg)
{
	struct keyset_row row = {.wrap_key_id = STR("k1"), .alg = str_of(jwt_alg_name(alg)), .current = true};
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct str der;
	struct keyset *set;
	signing_key_free(key);
	cr_assert_eq(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &config.ring, NULL), ERR_OK);
	cr_assert_eq(signing_key_generate(alg, &key), ERR_OK);
	row.kid = signing_key_kid(key);
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	row.public_jwk = sbuf_str(&jwk);
	cr_assert_eq(signing_key_to_der(key, arena, &der), ERR_OK);
	cr_assert_eq(key_wrap(arena, &config.ring.keys[0], row.kid, der, &row.wrapped), ERR_OK);
	struct keyset_fault fault;
	cr_assert_eq(keyset_build(&config.ring, SIGNING_BATCHED, &row, 1, 1, &set, &fault), ERR_OK);
	cr_assert_eq(store_seam_sign_with(store, set), ERR_OK);
}

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 16);
	config.batch_max = 2;
	config.queue_max = REQUESTS;
	config.request_timeout_ms = HOUR_MS;
	loop = event_base_new();
	store = store_seam_new(loop, &config, &issuing, &serving, &seam);
	cr_assert_not_null(store);
	sign_with(JWT_EDDSA); /* whose tokens come one by one */
}

static void batches_of(unsigned max)
{
	config.batch_max = max;
	cr_assert_eq(store_seam_renew_queue(store, &seam), ERR_OK);
}

static void down(void)
{
	store_seam_free(store);
	event_base_free(loop);
	signing_key_free(key);
	arena_free(arena);
	crypto_fini();
}

TestSuite(issue, .init = up, .fini = down);

static void turn(void)
{
	event_base_loop(loop, EVLOOP_NONBLOCK);
}

/* turn() goes on until there is nothing left to do at once. */
static void one_turn(void)
{
	event_base_loop(loop, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

/* The callback for a group, from what is done with one of it. */
#define EACH(one)                                                                                                                          \
	static void each_##one(struct issue_request *const *group, unsigned n)                                                             \
	{                                                                                                                                  \
		for (unsigned i = 0; i < n; i++)                                                                                           \
			one(group[i]);                                                                                                     \
	}

static void count_done(struct issue_request *r)
{
	done_count[r - requests]++;
}

EACH(count_done)

static void count_nothing(struct issue_request *r)
{
	(void)r;
}

EACH(count_nothing)

static bool is_in(const struct list *queue, const struct issue_request *r)
{
	LIST_EACH (it, queue)
		if (it == &r->node)
			return true;
	return false;
}

static struct issue_request *submit_due_in(unsigned i, int64_t left_ms)
{
	cr_assert_not(is_in(seam.waiting, &requests[i]) || is_in(seam.flying, &requests[i]));
	requests[i] = (struct issue_request){
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = STR(""), .origin = &origin, .done = each_count_done};
	requests[i].until_us = clock_mono_us() + left_ms * 1000;
	cr_assert_eq(issue_submit(store, &requests[i]), ERR_OK);
	return &requests[i];
}

static struct issue_request *submit(unsigned i)
{
	return submit_due_in(i, HOUR_MS);
}

static void done_is(unsigned a, unsigned b, unsigned c)
{
	cr_assert_eq(done_count[0], a);
	cr_assert_eq(done_count[1], b);
	cr_assert_eq(done_count[2], c);
}

static unsigned depth(void)
{
	return (unsigned)atomic_load(&store_counters(store)->queue_depth);
}

/* ---- withdrawing ---- */

Test(issue, one_that_waits_is_taken_out)
{
	struct issue_request *first = submit(0);
	submit(1);
	cr_assert_eq(depth(), 2);
	cr_assert(issue_withdraw(store, first));
	cr_assert_eq(depth(), 1);
	turn();
	cr_assert_eq(issuing.sent, 1);
	answer_batch(1, "granted");
	done_is(0, 1, 0);
	cr_assert(store_idle(store));
}

Test(issue, when_the_last_one_is_taken_out_nothing_is_sent)
{
	cr_assert(issue_withdraw(store, submit(0)));
	turn();
	cr_assert_eq(issuing.sent, 0);
	cr_assert(store_idle(store));
	done_is(0, 0, 0);
}

Test(issue, one_that_is_taken_out_makes_room)
{
	for (unsigned i = 0; i < REQUESTS; i++)
		submit(i);
	struct issue_request more = requests[0];
	cr_assert_eq(issue_submit(store, &more), ERR_OVERLOADED);
	cr_assert(issue_withdraw(store, &requests[0]));
	submit(0);
	cr_assert_eq(depth(), REQUESTS);
}

Test(issue, one_that_a_statement_carries_stays)
{
	struct issue_request *r = submit(0);
	turn();
	cr_assert_not(issue_withdraw(store, r));
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
	cr_assert(issue_withdraw(store, third));
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
	answer_rows((struct issue_row[]){{2, "invalid_client"}, {1, "invalid_scope"}}, 2);
	done_is(1, 1, 0);
	cr_assert_eq(requests[0].err, ERR_INVALID_SCOPE);
	cr_assert_eq(requests[1].err, ERR_INVALID_CLIENT);
}

/* What isn't known to be recorded isn't issued; and whoever came later is served. */
static void refuses_result(const struct issue_row *rows, int n)
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
	cr_assert_eq(atomic_load(&store_counters(store)->tokens_issued), 0);
	cr_assert_eq(atomic_load(&store_counters(store)->statement_failures), 1);
	cr_assert_eq(atomic_load(&store_counters(store)->writers_lost), 1,
		     "the rows may be there, so the next writer seals what this one should have");
	turn();
	cr_assert_eq(issuing.sent, sent + 1);
	answer_batch(1, "granted");
	done_is(1, 1, 1);
	cr_assert_eq(requests[2].err, ERR_OK);
	cr_assert(store_idle(store));
}

Test(issue, a_request_without_a_row_fails_its_batch)
{
	refuses_result((struct issue_row[]){{1, "granted"}}, 1);
}

Test(issue, so_does_a_result_without_rows)
{
	refuses_result(NULL, 0);
}

Test(issue, so_does_a_request_with_two_rows)
{
	refuses_result((struct issue_row[]){{1, "granted"}, {1, "granted"}}, 2);
}

Test(issue, so_does_a_row_too_many)
{
	refuses_result((struct issue_row[]){{1, "granted"}, {2, "granted"}, {2, "granted"}}, 3);
}

Test(issue, so_does_a_row_before_the_first_request)
{
	refuses_result((struct issue_row[]){{0, "granted"}, {1, "granted"}}, 2);
}

Test(issue, so_does_a_row_behind_the_last_request)
{
	refuses_result((struct issue_row[]){{1, "granted"}, {3, "granted"}}, 2);
}

Test(issue, so_does_a_row_far_from_any_request)
{
	refuses_result((struct issue_row[]){{1, "granted"}, {INT64_MIN, "granted"}}, 2);
}

/* ---- answering ---- */

static void take_long(struct issue_request *r)
{
	usleep(10000);
	cr_assert(r->granted_scope.p == NULL, "what it borrows is still there: a null");
	count_done(r);
}

EACH(take_long)

static unsigned others;

static void count_other(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	others++;
}

/* A slow signature doesn't keep the loop from what else there is to do; the next batch is under
 * way meanwhile, and its answers come behind. */
Test(issue, answers_go_out_a_few_a_turn_and_in_order)
{
	struct event *other = event_new(loop, -1, EV_PERSIST, count_other, NULL);
	event_add(other, &(struct timeval){0, 100});
	submit(0)->done = each_take_long;
	submit(1)->done = each_take_long;
	turn();
	submit(2);
	answer_batch(2, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(issuing.sent, 2, "the next batch does not wait");
	cr_assert_not(store_idle(store));
	answer_batch(1, "granted");
	done_is(1, 0, 0);
	cr_assert_not(issue_withdraw(store, &requests[2]));
	others = 0;
	for (int i = 0; i < 10 && done_count[2] == 0; i++)
		turn();
	done_is(1, 1, 1);
	cr_assert_gt(others, 0U);
	cr_assert(store_idle(store));
	event_free(other);
}

/* Two batches whose requests wait for signatures are enough: a third one would gather answers
 * faster than they can go out. */
Test(issue, a_third_batch_waits_until_one_is_answered)
{
	submit(0)->done = each_take_long;
	submit(1)->done = each_take_long;
	turn();
	submit(2)->done = each_take_long;
	answer_batch(2, "granted");
	cr_assert_eq(issuing.sent, 2);
	answer_batch(1, "granted");
	struct issue_request fourth = {
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = STR(""), .origin = &origin, .done = each_count_nothing};
	fourth.until_us = requests[0].until_us;
	cr_assert_eq(issue_submit(store, &fourth), ERR_OK);
	done_is(1, 0, 0);
	one_turn();
	for (int i = 0; i < 10 && issuing.sent < 3; i++)
		turn();
	cr_assert_eq(done_count[1], 1);
	cr_assert_eq(issuing.sent, 3);
	answer_batch(1, "granted");
	for (int i = 0; i < 10 && !store_idle(store); i++)
		turn();
	cr_assert(store_idle(store));
}

/* ---- groups ---- */

static unsigned groups, members, largest;

static void note_group(struct issue_request *const *group, unsigned n)
{
	groups++;
	members += n;
	largest = n > largest ? n : largest;
	for (unsigned i = 0; i < n; i++) {
		cr_assert_eq(signing_key_alg(group[i]->key), signing_key_alg(key), "what it borrows is there");
		count_done(group[i]);
	}
}

/* One batch of `n`, and its answer. */
static void commit_batch(unsigned n, void (*done)(struct issue_request *const *group, unsigned n))
{
	config.queue_max = n;
	batches_of(n);
	for (unsigned i = 0; i < n; i++)
		submit(i)->done = done;
	turn();
	answer_batch((int)n, "granted");
	turn();
}

Test(issue, tokens_of_es256_come_as_one_group)
{
	sign_with(JWT_ES256);
	commit_batch(REQUESTS, note_group);
	cr_assert_eq(groups, 1);
	cr_assert_eq(largest, REQUESTS);
	done_is(1, 1, 1);
	cr_assert(store_idle(store));
}

/* Whoever signs them has room for so many. */
Test(issue, a_group_has_its_limit)
{
	sign_with(JWT_ES256);
	commit_batch(MANY, note_group);
	cr_assert_eq(members, MANY);
	cr_assert_eq(groups, MANY / SIGNING_GROUP_MAX + 1);
	cr_assert_eq(largest, SIGNING_GROUP_MAX);
}

Test(issue, those_of_others_come_alone)
{
	commit_batch(REQUESTS, note_group);
	cr_assert_eq(groups, REQUESTS);
	done_is(1, 1, 1);
}

Test(issue, slow_ones_come_three_at_a_time)
{
	sign_with(JWT_RS256);
	commit_batch(7, note_group);
	cr_assert_eq(members, 7);
	cr_assert_eq(groups, 3);
	cr_assert_eq(largest, SIGNING_GROUP_SLOW);
	cr_assert(store_idle(store));
}

static void note_left(void *done)
{
	left++;
	cr_assert_gt(*(const unsigned *)done, 0U, "there is something to send");
}

/* A write for each would cost a connection with many calls more than it gains. The slice may end
 * amid them, where something else takes the core. */
Test(issue, what_was_gathered_leaves_once_a_slice)
{
	store_tell_answered(store, note_left, &members);
	for (int i = 0; i < 100 && (i == 0 || left != 1); i++) {
		left = groups = 0;
		commit_batch(REQUESTS, note_group);
	}
	cr_assert_eq(groups, REQUESTS);
	cr_assert_eq(left, 1);
}

Test(issue, where_nobody_gathers_answers_any_more_nobody_is_told)
{
	store_tell_answered(store, note_left, &members);
	store_tell_answered(store, NULL, NULL);
	commit_batch(REQUESTS, note_group);
	cr_assert_eq(members, REQUESTS);
	cr_assert_eq(left, 0);
}

/* Two batches are answered, neither of them a whole group. */
static void answer_two_batches(bool another_key)
{
	sign_with(JWT_ES256);
	submit(0)->done = note_group;
	submit(1)->done = note_group;
	turn();
	submit(2)->done = note_group;
	submit(3)->done = note_group;
	/* as if an earlier one was still being answered */
	event_add(seam.answer, &(struct timeval){1, 0});
	answer_batch(2, "granted");
	done_is(0, 0, 0);
	if (another_key)
		sign_with(JWT_ES256);
	event_active(seam.send, EV_TIMEOUT, 0);
	one_turn();
	answer_batch(2, "granted");
	done_is(0, 0, 0);
	event_active(seam.answer, EV_TIMEOUT, 0);
	turn();
	done_is(1, 1, 1);
	cr_assert_eq(members, 4);
	cr_assert(store_idle(store));
}

Test(issue, a_group_goes_on_with_the_next_batch)
{
	answer_two_batches(false);
	cr_assert_eq(groups, 1);
	cr_assert_eq(largest, 4);
}

Test(issue, a_group_ends_with_its_key)
{
	answer_two_batches(true);
	cr_assert_eq(groups, 2);
	cr_assert_eq(largest, 2);
}

/* ---- signing while PostgreSQL commits ---- */

static unsigned written_count;

static void count_written(struct issue_request *r)
{
	written_count++;
	cr_assert_eq(r->err, ERR_OK);
	cr_assert_eq(r->key, keyset_current(store_keyset(store)));
}

static struct issue_request *send_alone(enum jwt_alg alg)
{
	sign_with(alg);
	struct issue_request *r = submit(0);
	r->written = count_written;
	turn();
	return r;
}

Test(issue, a_lone_request_with_a_slow_signature_is_told_when_its_row_is_written)
{
	static const enum jwt_alg slow[] = {JWT_RS256, JWT_PS256};
	for (unsigned i = 0; i < sizeof slow / sizeof *slow; i++) {
		struct issue_request *r = send_alone(slow[i]);
		run_rows((struct issue_row[]){{1, "granted"}}, 1);
		cr_assert_eq(written_count, i + 1);
		done_is(i, 0, 0);
		cr_assert_eq(atomic_load(&store_counters(store)->tokens_issued), i, "it isn't yet");
		cr_assert_not(issue_withdraw(store, r));
		cr_assert_not(store_idle(store));
		answer_batch(1, "granted");
		done_is(i + 1, 0, 0);
		turn();
		cr_assert(store_idle(store));
	}
}

Test(issue, it_is_done_with_an_error_if_the_commit_fails)
{
	struct issue_request *r = send_alone(JWT_RS256);
	run_rows((struct issue_row[]){{1, "granted"}}, 1);
	issuing.in_flight = 0;
	issuing.done(issuing.arg, ERR_STORE_UNAVAILABLE, NULL);
	done_is(1, 0, 0);
	cr_assert_eq(r->err, ERR_STORE_UNAVAILABLE);
	cr_assert_eq(atomic_load(&store_counters(store)->tokens_issued), 0);
	cr_assert_eq(atomic_load(&store_counters(store)->writers_lost), 1);
	cr_assert(store_idle(store));
}

Test(issue, one_that_is_refused_is_not_told_before)
{
	send_alone(JWT_RS256);
	run_rows((struct issue_row[]){{1, "invalid_client"}}, 1);
	cr_assert_eq(written_count, 0);
	answer_batch(1, "invalid_client");
	done_is(1, 0, 0);
}

Test(issue, nor_is_anyone_by_rows_that_do_not_fit)
{
	send_alone(JWT_RS256);
	run_rows((struct issue_row[]){{2, "granted"}}, 1);
	cr_assert_eq(written_count, 0);
}

/* The sooner the commit is known the sooner they are sent. */
Test(issue, nor_while_others_wait_for_the_commit)
{
	send_alone(JWT_RS256);
	submit(1);
	run_rows((struct issue_row[]){{1, "granted"}}, 1);
	cr_assert_eq(written_count, 0);
	answer_batch(1, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(issuing.sent, 2);
}

/* It would cost a message more for nothing. */
Test(issue, rows_are_not_asked_for_where_signatures_are_quick)
{
	send_alone(JWT_ES256);
	cr_assert_null(issuing.ran);
	answer_batch(1, "granted");
	send_alone(JWT_EDDSA);
	cr_assert_null(issuing.ran);
}

Test(issue, nor_for_more_than_one)
{
	sign_with(JWT_RS256);
	submit(0);
	submit(1);
	turn();
	cr_assert_null(issuing.ran);
}

/* What has committed is answered, whatever ends the store. */
Test(issue, the_end_of_the_store_answers_what_has_committed)
{
	submit(0)->done = each_take_long;
	submit(1)->done = each_take_long;
	turn();
	answer_batch(2, "granted");
	done_is(1, 0, 0);
	store_seam_end_queue(store);
	done_is(1, 1, 0);
	cr_assert_eq(requests[1].err, ERR_OK);
}

/* ---- what comes first: the next batch or the tokens of this one ---- */

enum cores { TO_SPARE, SHORT = 100 };

static unsigned sent_when_done[MANY];

static void note_sent(struct issue_request *r)
{
	sent_when_done[r - requests] = issuing.sent;
	count_done(r);
}

EACH(note_sent)

static void note_sent_slowly(struct issue_request *r)
{
	note_sent(r);
	usleep(10000); /* more than a slice */
}

EACH(note_sent_slowly)

/* One batch's commit is known, of `n` requests, while `waiting` more wait. */
static void commit_while_some_wait(enum cores cores, unsigned n, unsigned waiting,
				   void (*done)(struct issue_request *const *group, unsigned n), const char *outcome)
{
	for (unsigned i = 0; i < n; i++)
		submit(i)->done = done;
	turn();
	cr_assert_eq(issuing.sent, 1);
	for (unsigned i = n; i < n + waiting; i++)
		submit(i)->done = done;
	yields = 0;
	*seam.crowded = cores;
	answer_batch((int)n, outcome);
}

/* Longer than a slice. */
static void note_sent_while_signing(struct issue_request *r)
{
	note_sent(r);
	usleep(4000);
}

EACH(note_sent_while_signing)

Test(issue, while_there_is_much_to_sign_the_next_batch_waits_for_company)
{
	batches_of(REQUESTS);
	*seam.token_us = 4000;
	commit_while_some_wait(TO_SPARE, REQUESTS - 1, 1, each_note_sent_while_signing, "granted");
	*seam.trip_us = 6000;
	for (int i = 0; i < 10 && done_count[2] == 0; i++)
		turn();
	done_is(1, 1, 1);
	cr_assert_eq(sent_when_done[0], 1);
	cr_assert_eq(sent_when_done[1], 1, "8 ms are left");
	cr_assert_eq(sent_when_done[2], 2, "4 ms are left");
	answer_batch(1, "granted");
	turn();
	cr_assert_eq(done_count[3], 1);
}

Test(issue, but_not_a_full_one)
{
	*seam.token_us = 4000;
	commit_while_some_wait(TO_SPARE, 2, 2, each_note_sent_while_signing, "granted");
	cr_assert_eq(sent_when_done[0], 2);
}

Test(issue, nor_one_that_the_database_needs_longer_for)
{
	*seam.trip_us = 1000000;
	*seam.token_us = 4000;
	commit_while_some_wait(TO_SPARE, 2, 1, each_note_sent_while_signing, "granted");
	cr_assert_eq(sent_when_done[0], 2);
}

Test(issue, with_cores_to_spare_the_next_batch_is_sent_before_the_tokens_of_this_one)
{
	commit_while_some_wait(TO_SPARE, 1, 1, each_note_sent, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(sent_when_done[0], 2);
	cr_assert_eq(yields, 1, "is anybody else waiting for this core?");
}

Test(issue, where_cores_are_short_tokens_go_out_first_and_the_next_batch_in_the_next_turn)
{
	commit_while_some_wait(SHORT, 1, 1, each_note_sent, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(sent_when_done[0], 1);
	cr_assert_eq(issuing.sent, 1);
	cr_assert_eq(yields, 1);
	cr_assert_not(store_idle(store));
	one_turn();
	cr_assert_eq(issuing.sent, 2);
	answer_batch(1, "granted");
	done_is(1, 1, 0);
	cr_assert(store_idle(store));
}

/* Whoever is to ask again in time must have got its token. */
Test(issue, where_cores_are_short_what_was_gathered_leaves_before_the_core_is_given_away)
{
	store_tell_answered(store, note_left, &done_count[0]);
	commit_while_some_wait(SHORT, 1, 1, each_note_sent, "granted");
	cr_assert_eq(yields, 1);
	cr_assert_eq(left_at_yield, 1);
}

static void commit_of_the_first(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what, (void)arg;
	answer_batch(1, "granted");
}

static void submit_one(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	submit(*(const unsigned *)arg);
}

/* Who comes in the rest of the turn in which the commit was known, and who comes in the next
 * one, whose socket is read before. */
Test(issue, whoever_comes_meanwhile_goes_along)
{
	static const unsigned third = 2, fourth = 3;
	int pipes[2];
	cr_assert_eq(pipe(pipes), 0);
	cr_assert_eq(write(pipes[1], "", 1), 1);
	struct event *commit = event_new(loop, -1, 0, commit_of_the_first, NULL);
	struct event *in_this_turn = event_new(loop, -1, 0, submit_one, (void *)&third);
	struct event *in_the_next = event_new(loop, pipes[0], EV_READ, submit_one, (void *)&fourth);
	batches_of(3);
	submit(0);
	turn();
	submit(1);
	*seam.crowded = SHORT;
	event_active(commit, EV_TIMEOUT, 0);
	event_active(in_this_turn, EV_TIMEOUT, 0);
	one_turn();
	done_is(1, 0, 0);
	cr_assert_eq(issuing.sent, 1);
	event_add(in_the_next, NULL);
	one_turn();
	cr_assert_eq(issuing.sent, 2);
	answer_batch(3, "granted");
	done_is(1, 1, 1);
	cr_assert_eq(done_count[3], 1);
	event_free(commit);
	event_free(in_this_turn);
	event_free(in_the_next);
	close(pipes[0]);
	close(pipes[1]);
}

Test(issue, gathering_ends_with_the_first_slice_of_signing)
{
	*seam.trip_us = 1000000; /* the database needs longer than what is left to sign */
	commit_while_some_wait(SHORT, 2, 1, each_note_sent_slowly, "granted");
	done_is(1, 0, 0);
	cr_assert_eq(issuing.sent, 1);
	event_del(seam.answer); /* that slice comes first in its turn */
	event_active(seam.answer, EV_TIMEOUT, 0);
	turn();
	done_is(1, 1, 0);
	cr_assert_eq(sent_when_done[1], 2, "it was sent before the second slice");
	answer_batch(1, "granted");
	done_is(1, 1, 1);
}

Test(issue, nobody_gathers_behind_refusals_for_longer_than_a_turn)
{
	commit_while_some_wait(SHORT, 2, 1, each_count_done, "invalid_client");
	done_is(1, 1, 0);
	one_turn();
	cr_assert_eq(issuing.sent, 2);
}

/* Nobody waits, but those who get their tokens now may ask again. */
Test(issue, several_that_are_answered_may_come_back_together)
{
	commit_while_some_wait(SHORT, 2, 0, each_count_done, "granted");
	done_is(1, 1, 0);
	cr_assert_eq(yields, 1);
	submit(2);
	submit(3);
	one_turn();
	cr_assert_eq(issuing.sent, 2);
	cr_assert_eq(*seam.waiting_count, 0);
}

/* A lone client has nobody to wait for. */
Test(issue, when_nobody_waits_nothing_is_yielded)
{
	commit_while_some_wait(SHORT, 1, 0, each_count_done, "granted");
	cr_assert_eq(yields, 0);
	cr_assert_eq(*seam.crowded, SHORT);
	submit(1);
	one_turn();
	cr_assert_eq(issuing.sent, 2, "and it goes out at once");
}

Test(issue, a_full_batch_does_not_gather)
{
	commit_while_some_wait(SHORT, 1, 2, each_note_sent, "granted");
	cr_assert_eq(sent_when_done[0], 2);
	cr_assert_eq(yields, 0);
}

Test(issue, keys_that_are_no_longer_current_leave_nothing_to_sign_and_nobody_gathers)
{
	commit_while_some_wait(SHORT, 1, 1, each_count_done, "stale_key");
	done_is(0, 0, 0);
	end_reload();
	turn();
	cr_assert_eq(issuing.sent, 2);
	answer_batch(2, "granted");
	done_is(1, 1, 0);
}

Test(issue, a_connection_that_is_lost_while_some_gather_fails_them)
{
	commit_while_some_wait(SHORT, 1, 1, each_count_done, "granted");
	issuing.down = true;
	store_seam_connection_changed(store);
	done_is(1, 1, 0);
	cr_assert_eq(requests[1].err, ERR_STORE_UNAVAILABLE);
	turn();
	cr_assert_eq(issuing.sent, 1);
}

Test(issue, one_that_gathers_is_taken_out)
{
	commit_while_some_wait(SHORT, 1, 1, each_count_done, "granted");
	cr_assert(issue_withdraw(store, &requests[1]));
	turn();
	cr_assert_eq(issuing.sent, 1);
	cr_assert(store_idle(store));
	submit(2);
	turn();
	cr_assert_eq(issuing.sent, 2);
}

Test(issue, the_end_of_the_store_fails_those_that_gather)
{
	commit_while_some_wait(SHORT, 1, 1, each_count_done, "granted");
	store_seam_end_queue(store);
	done_is(1, 1, 0);
}

Test(issue, cores_count_as_short_when_giving_way_took_a_while)
{
	yield_us = 100;
	commit_while_some_wait(TO_SPARE, 1, 1, each_count_done, "granted");
	cr_assert_gt(*seam.crowded, (unsigned)SHORT);
}

/* Each small batch after which nobody wanted the core counts down. This machine may be busy, so
 * more than one gets a chance. */
Test(issue, and_no_longer_so_when_it_did_not_for_many_batches)
{
	bool counted = false;
	commit_while_some_wait(SHORT, 1, 1, each_count_done, "granted");
	for (int i = 0; i < 1000 && !counted; i++) {
		counted = *seam.crowded == SHORT - 1;
		turn();
		submit((unsigned)i % 2); /* the other one is on its way */
		*seam.crowded = SHORT;
		answer_batch(1, "granted");
	}
	cr_assert(counted);
}

/* More than one batch waits, and the first can't be sent. */
Test(issue, a_batch_that_cannot_be_sent_leaves_nobody_behind)
{
	for (unsigned i = 0; i < 3; i++)
		submit(i);
	issuing.refuses = true;
	turn();
	done_is(1, 1, 1);
	cr_assert_eq(requests[2].err, ERR_STORE_UNAVAILABLE);
	cr_assert(store_idle(store));
}

static bool withdrawn_inside;

static void withdraw_the_next(struct issue_request *r)
{
	count_done(r);
	if (r == &requests[0])
		withdrawn_inside = issue_withdraw(store, &requests[1]);
}

EACH(withdraw_the_next)

static void withdraw_one_that_was_answered(enum jwt_alg alg)
{
	sign_with(alg);
	submit(0)->done = each_withdraw_the_next;
	submit(1)->done = each_withdraw_the_next;
	turn();
	withdrawn_inside = true;
	answer_batch(2, "granted");
	cr_assert_not(withdrawn_inside);
	done_is(1, 1, 0);
}

/* An answer may close a connection on which others wait: those that the same statement has
 * answered already are not taken out of anything. */
Test(issue, one_that_was_answered_stays)
{
	withdraw_one_that_was_answered(JWT_EDDSA);
}

Test(issue, one_of_the_same_group_stays)
{
	withdraw_one_that_was_answered(JWT_ES256);
}

Test(issue, nor_is_one_that_fails_with_the_others)
{
	submit(0)->done = each_withdraw_the_next;
	submit(1);
	withdrawn_inside = true;
	store_seam_connection_changed(store);
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
	cr_assert_eq(depth(), 2);
	cr_assert(issue_withdraw(store, first));
	cr_assert_eq(depth(), 1);
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
	cr_assert(issue_withdraw(store, r));
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

Test(issue, no_batch_goes_out_with_a_key_that_was_refused)
{
	submit(0);
	turn();
	submit(1);
	answer_batch(1, "stale_key");
	turn();
	submit(2);
	turn();
	cr_assert_eq(issuing.sent, 1);
	end_reload();
	turn();
	cr_assert_eq(issuing.sent, 2);
	answer_batch(2, "granted");
	done_is(1, 1, 0); /* who was refused has come first */
	turn();
	answer_batch(1, "granted");
	done_is(1, 1, 1);
	cr_assert(store_idle(store));
}

Test(issue, a_key_that_came_while_the_batch_was_out_is_there_already)
{
	submit(0);
	turn();
	sign_with(JWT_EDDSA);
	answer_batch(1, "stale_key");
	submit(1);
	turn();
	cr_assert_eq(serving.sent, 0, "nobody has to ask for it");
	answer_batch(2, "granted");
	done_is(1, 1, 0);
}

Test(issue, those_that_came_since_go_out_also_when_nobody_waits_who_was_refused)
{
	struct issue_request *refused = submit(0);
	turn();
	answer_batch(1, "stale_key");
	cr_assert(issue_withdraw(store, refused));
	submit(1);
	turn();
	cr_assert_eq(issuing.sent, 1);
	end_reload();
	turn();
	answer_batch(1, "granted");
	done_is(0, 1, 0);
}

Test(issue, those_that_were_refused_take_room)
{
	submit(0);
	submit(1);
	turn();
	answer_batch(2, "stale_key");
	cr_assert(issue_has_room(store));
	submit(2);
	cr_assert_not(issue_has_room(store));
	submit(3);
	cr_assert(issue_is_full(store));
	cr_assert(issue_withdraw(store, &requests[0]));
	cr_assert_not(issue_is_full(store));
	store_seam_connection_changed(store);
	cr_assert_eq(depth(), 0);
	cr_assert(issue_has_room(store));
}

/* Nobody would end the wait. */
Test(issue, where_the_keys_can_not_be_asked_for_the_key_is_tried_again_at_once)
{
	serving.refuses = true;
	submit(0);
	turn();
	submit(1);
	answer_batch(1, "stale_key");
	turn();
	answer_batch(2, "stale_key");
	done_is(1, 0, 0);
	cr_assert_eq(requests[0].err, ERR_STALE_KEY);
	turn();
	answer_batch(1, "stale_key");
	done_is(1, 1, 0);
	cr_assert_eq(requests[1].err, ERR_STALE_KEY);
	cr_assert(store_idle(store));
}

Test(issue, one_that_came_during_a_reload_waits_no_longer_than_others)
{
	submit(0);
	turn();
	answer_batch(1, "stale_key");
	struct issue_request *late = submit_due_in(1, HOUR_MS / 4 - 1);
	turn();
	done_is(0, 1, 0);
	cr_assert_eq(late->err, ERR_STORE_UNAVAILABLE);
	end_reload();
	turn();
	answer_batch(1, "granted");
	done_is(1, 1, 0);
}

Test(issue, a_stale_key_is_not_tried_again_for_nobody)
{
	struct issue_request *r = submit(0);
	turn();
	cr_assert_not(issue_withdraw(store, r));
	answer_batch(1, "stale_key");
	done_is(1, 0, 0);
	cr_assert_eq(r->err, ERR_STALE_KEY);
	turn();
	cr_assert_eq(issuing.sent, 1);
}

/* ---- in time ---- */

Test(issue, one_that_waits_too_long_is_answered_while_a_statement_is_stuck)
{
	submit(0);
	turn();
	submit(1);
	struct issue_request *late = submit_due_in(2, HOUR_MS / 4 - 1);
	turn();
	done_is(0, 0, 1);
	cr_assert_eq(late->err, ERR_STORE_UNAVAILABLE);
	cr_assert_eq(depth(), 1);
	answer_batch(1, "granted");
	turn();
	cr_assert_eq(issuing.sent, 2, "the one that is left");
	answer_batch(1, "granted");
	done_is(1, 1, 1);
}

Test(issue, one_that_is_due_too_soon_is_not_sent)
{
	submit(0);
	turn();
	submit(1)->until_us = clock_mono_us() + INT64_C(1000) * (HOUR_MS / 4);
	submit(2);
	answer_batch(1, "granted");
	turn();
	done_is(1, 1, 0);
	cr_assert_eq(requests[1].err, ERR_STORE_UNAVAILABLE);
	answer_batch(1, "granted");
	done_is(1, 1, 1);
	cr_assert_eq(requests[2].err, ERR_OK);
}

Test(issue, nothing_is_sent_when_nobody_has_time)
{
	submit(0);
	turn();
	submit(1)->until_us = 0;
	answer_batch(1, "granted");
	turn();
	cr_assert_eq(issuing.sent, 1);
	done_is(1, 1, 0);
	cr_assert(store_idle(store));
}

Test(issue, a_statement_has_the_time_that_its_most_urgent_request_has)
{
	submit(0);
	submit_due_in(1, HOUR_MS / 2);
	turn();
	cr_assert_leq(issuing.timeout_ms, HOUR_MS / 2);
	cr_assert_gt(issuing.timeout_ms, HOUR_MS / 4);
	answer_batch(2, "granted");
	done_is(1, 1, 0);
}

Test(issue, one_that_waits_for_reloaded_keys_waits_no_longer_than_others)
{
	struct issue_request *r = submit(0);
	turn();
	r->until_us = 0;
	answer_batch(1, "stale_key");
	turn();
	done_is(1, 0, 0);
	cr_assert_eq(r->err, ERR_STORE_UNAVAILABLE);
	end_reload();
	turn();
	cr_assert_eq(issuing.sent, 1);
	cr_assert(store_idle(store));
}

/* ---- whatever happens ---- */

#define CHAOS 12

static struct chaos {
	struct issue_request request;
	bool submitted, slow;
	unsigned done, expected;
} chaos[CHAOS];

static void chaos_done(struct issue_request *r)
{
	struct chaos *c = r->arg;
	cr_assert(c->submitted);
	c->submitted = false;
	c->done++;
	if (c->slow)
		usleep(3500); /* a slice is over */
}

EACH(chaos_done)

static void chaos_submit(struct chaos *c)
{
	if (c->submitted)
		return;
	c->request = (struct issue_request){
		.client_id = STR("m2m_000000000000000000000A"), .verifiers = STR(""), .origin = &origin, .done = each_chaos_done, .arg = c};
	c->request.until_us = clock_mono_us() + (rand() % 16 == 0 ? 0 : HOUR_MS * INT64_C(1000));
	if (issue_submit(store, &c->request) != ERR_OK)
		return;
	c->submitted = true;
	c->slow = rand() % 32 == 0;
	c->expected++;
}

static void chaos_withdraw(struct chaos *c)
{
	if (!c->submitted || !issue_withdraw(store, &c->request))
		return;
	c->submitted = false;
	c->expected--;
}

static int in_batch(void)
{
	int n = 0;
	LIST_EACH (it, seam.flying)
		n++;
	return n;
}

static void answer(const char *outcome)
{
	if (issuing.in_flight == 0)
		return;
	if (issuing.statement == store_seam_seal_statement)
		answer_rows((struct issue_row[]){{1, "-"}}, 1); /* what it has isn't looked at */
	else
		answer_batch(in_batch(), outcome);
}

static void fail_statement(void)
{
	if (issuing.in_flight == 0)
		return;
	issuing.in_flight = 0;
	issuing.done(issuing.arg, rand() % 2 == 0 ? ERR_INTERNAL : ERR_STORE_UNAVAILABLE, NULL);
}

static void lose_connection(void)
{
	issuing.down = true;
	fail_statement();
	store_seam_connection_changed(store);
}

static void reload_ends(void)
{
	if (serving.in_flight == 0)
		return;
	end_reload();
}

/* Something is to come that ends each wait. */
static void nobody_is_stuck(void)
{
	if (*seam.waiting_count > 0)
		cr_assert(issuing.in_flight > 0 || (*seam.refused && serving.in_flight > 0) || event_pending(seam.send, EV_TIMEOUT, NULL) ||
			  event_pending(seam.answer, EV_TIMEOUT, NULL));
	if (!list_empty(seam.answered))
		cr_assert(event_pending(seam.answer, EV_TIMEOUT, NULL));
	if (!list_empty(seam.stale))
		cr_assert_gt(serving.in_flight, 0U);
}

static void something_happens(void)
{
	static const char *const outcomes[] = {"granted", "granted", "granted", "invalid_client", "stale_key", "?"};
	struct chaos *one = &chaos[rand() % CHAOS];
	switch (rand() % 16) {
	default:
		chaos_submit(one);
		break;
	case 0:
		chaos_withdraw(one);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		answer(outcomes[(size_t)rand() % (sizeof outcomes / sizeof *outcomes)]);
		break;
	case 5:
	case 6:
	case 7:
		one_turn();
		break;
	case 8:
		reload_ends();
		break;
	case 9:
		*seam.crowded = rand() % 2 == 0 ? TO_SPARE : SHORT;
		break;
	case 10:
		*seam.written_us = 0;
		*seam.ending = rand() % 2 == 0;
		store_seam_tick(store);
		(void)store_ended(store);
		break;
	case 11:
		issuing.down = false;
		issuing.refuses = rand() % 8 == 0;
		serving.refuses = rand() % 8 == 0;
		break;
	case 12:
		if (rand() % 8 == 0)
			lose_connection();
		else if (rand() % 2 == 0)
			fail_statement();
		break;
	}
}

static void all_end(void)
{
	issuing.down = issuing.refuses = serving.refuses = false;
	for (int i = 0; i < 100 && !store_idle(store); i++) {
		answer("granted");
		reload_ends();
		turn();
	}
}

/* Each request is answered once, or taken out, whatever happens to the queue and in whatever
 * order. */
static void much_happens(enum jwt_alg alg)
{
	sign_with(alg);
	enum { RUNS = 300, STEPS = 100 };
	config.queue_max = 8;
	batches_of(3);
	for (unsigned run = 0; run < RUNS; run++) {
		srand(run);
		for (int step = 0; step < STEPS; step++) {
			something_happens();
			nobody_is_stuck();
		}
		all_end();
		cr_assert(store_idle(store), "run %u", run);
		for (size_t i = 0; i < CHAOS; i++) {
			cr_assert_not(chaos[i].submitted, "run %u", run);
			cr_assert_eq(chaos[i].done, chaos[i].expected, "run %u", run);
		}
	}
}

Test(issue, nobody_waits_for_ever)
{
	much_happens(JWT_EDDSA);
}

Test(issue, nor_does_anybody_in_a_group)
{
	much_happens(JWT_ES256);
}
