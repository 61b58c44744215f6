#include "base/rate_table.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

#define SECOND INT64_C(1000000)
#define DAY    (86400 * SECOND)
#define NOW    (100 * SECOND)

static struct rate_table *t;

static void up(void)
{
	t = rate_table_new();
	cr_assert_not_null(t);
}

static void down(void)
{
	rate_table_free(t);
}

TestSuite(rate_table, .init = up, .fini = down, .timeout = 60);

/* Key `n` of set `set`: 24 bits of tag above, 13 of the set below. */
static uint64_t key(uint64_t set, uint64_t n)
{
	return (n + 1) << 40 | set;
}

static unsigned taken(struct rate rate, uint64_t k, int64_t now_us, unsigned tries)
{
	unsigned n = 0;
	for (unsigned i = 0; i < tries; i++)
		n += rate_table_take(t, rate, k, now_us) == 0;
	return n;
}

/* ---- the arithmetic ---- */

Test(rate_table, an_interval_is_the_rate_s_to_half_a_percent)
{
	cr_assert_eq(rate_of(1, 1).interval, SECOND);
	cr_assert_eq(rate_of(3, 1).interval, 333333);
	cr_assert_eq(rate_of(RATE_PER_SECOND_MAX, 1).interval, 100);
	for (unsigned rate = 1; rate <= RATE_PER_SECOND_MAX; rate++) {
		double real = 1e6 / (double)rate_of(rate, 1).interval;
		cr_assert(real > rate * 0.995 && real < rate * 1.005, "%u is %f", rate, real);
	}
	cr_assert_eq(rate_of(10, 25).fill, 2500000);
}

Test(rate_table, a_full_bucket_gives_its_burst_and_then_one_each_interval)
{
	struct rate rate = rate_of(10, 5);
	cr_assert_eq(taken(rate, 7, NOW, 20), 5);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW), 100000);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW + 99999), 1);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW + 100000), 0);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW + 100000), 100000);
	cr_assert_eq(taken(rate, 7, NOW + 350000, 20), 2);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW + 350000), 50000);
}

Test(rate_table, it_fills_up_to_its_burst_and_no_further)
{
	struct rate rate = rate_of(10, 5);
	cr_assert_eq(taken(rate, 7, NOW, 20), 5);
	cr_assert_eq(taken(rate, 7, NOW + 500000, 20), 5);
	cr_assert_eq(taken(rate, 7, NOW + DAY, 20), 5);
}

Test(rate_table, who_waits_as_long_as_told_gets_one_whatever_was_refused_meanwhile)
{
	struct rate rate = rate_of(3, 2);
	int64_t now_us = NOW;
	taken(rate, 7, now_us, 5);
	for (int i = 0; i < 50; i++) {
		int64_t wait = rate_table_take(t, rate, 7, now_us);
		cr_assert_gt(wait, 0);
		cr_assert_eq(rate_table_take(t, rate, 7, now_us + wait / 2), wait - wait / 2);
		now_us += wait;
		cr_assert_eq(rate_table_wait(t, rate, 7, now_us), 0);
		cr_assert_eq(rate_table_take(t, rate, 7, now_us), 0);
	}
}

Test(rate_table, looking_takes_nothing)
{
	struct rate rate = rate_of(1, 1);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(rate_table_wait(t, rate, 7, NOW), 0);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW), 0);
	cr_assert_eq(rate_table_wait(t, rate, 7, NOW), SECOND);
}

Test(rate_table, the_extremes_are_exact)
{
	struct rate slow = rate_of(1, RATE_FILL_MAX_S), fast = rate_of(RATE_PER_SECOND_MAX, 100000);
	cr_assert_eq(taken(slow, 1, NOW, 4000), RATE_FILL_MAX_S);
	cr_assert_eq(rate_table_wait(t, slow, 1, NOW), SECOND);
	cr_assert_eq(taken(slow, 1, NOW + RATE_FILL_MAX_S * SECOND, 4000), RATE_FILL_MAX_S);
	cr_assert_eq(taken(fast, 2, NOW, 100010), 100000);
	cr_assert_eq(rate_table_wait(t, fast, 2, NOW), 100);
}

/* Threads read the clock before they come here, so the time that one brings may be older than
 * another's. */
Test(rate_table, an_older_now_gives_nothing_more)
{
	struct rate rate = rate_of(10, 5);
	cr_assert_eq(taken(rate, 7, NOW, 20), 5);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW - 5000), 105000);
}

Test(rate_table, a_debt_is_waited_for_and_ends_at_another_fill)
{
	struct rate rate = rate_of(10, 5);
	for (int i = 0; i < 7; i++)
		rate_table_owe(t, rate, 7, NOW);
	cr_assert_eq(rate_table_wait(t, rate, 7, NOW), 300000);
	for (int i = 0; i < 100; i++)
		rate_table_owe(t, rate, 7, NOW);
	cr_assert_eq(rate_table_wait(t, rate, 7, NOW), 600000);
	cr_assert_eq(rate_table_take(t, rate, 7, NOW + 600000), 0);
}

/* ---- time comes round ---- */

Test(rate_table, a_bucket_is_the_same_where_the_time_s_40_bits_begin_anew)
{
	struct rate rate = rate_of(10, 5);
	const int64_t turn = INT64_C(1) << 40;
	uint64_t set = 0;
	for (int64_t now_us = turn - 200000; now_us < turn + 200000; now_us += 50000) {
		uint64_t k = key(set++, 0);
		cr_assert_eq(taken(rate, k, now_us, 20), 5);
		cr_assert_eq(rate_table_wait(t, rate, k, now_us), 100000);
		cr_assert_eq(taken(rate, k, now_us + 300000, 20), 3);
	}
}

/* Without the sweep this bucket would seem to be empty a whole turn later. */
Test(rate_table, what_was_swept_does_not_come_back_a_turn_later)
{
	struct rate rate = rate_of(10, 5);
	const int64_t turn = INT64_C(1) << 40;
	for (uint64_t set = 0; set < RATE_TABLE_SETS; set += 97)
		cr_assert_eq(taken(rate, key(set, 0), NOW, 5), 5);
	rate_table_sweep(t, NOW + SECOND, RATE_TABLE_SETS - 1);
	rate_table_sweep(t, NOW + SECOND, 1);
	for (uint64_t set = 0; set < RATE_TABLE_SETS; set += 97)
		cr_assert_eq(rate_table_wait(t, rate, key(set, 0), NOW + turn), 0);
}

Test(rate_table, the_sweep_leaves_what_is_not_full)
{
	struct rate rate = rate_of(10, 5);
	cr_assert_eq(taken(rate, 7, NOW, 5), 5);
	rate_table_sweep(t, NOW + 499999, RATE_TABLE_SETS);
	cr_assert_eq(rate_table_wait(t, rate, 7, NOW), 100000);
}

/* ---- keys ---- */

Test(rate_table, keys_do_not_share_a_bucket)
{
	struct rate rate = rate_of(1, 1);
	for (uint64_t n = 0; n < 8; n++)
		cr_assert_eq(rate_table_take(t, rate, key(3, n), NOW), 0);
	for (uint64_t n = 0; n < 8; n++)
		cr_assert_gt(rate_table_take(t, rate, key(3, n), NOW), 0);
	cr_assert_eq(rate_table_take(t, rate, key(4, 0), NOW), 0);
	cr_assert_eq(rate_table_evicted(t), 0);
}

Test(rate_table, a_key_of_zeros_has_a_bucket_too)
{
	struct rate rate = rate_of(1, 1);
	cr_assert_eq(rate_table_take(t, rate, 0, NOW), 0);
	cr_assert_eq(rate_table_take(t, rate, 0, NOW), SECOND);
}

Test(rate_table, only_a_full_bucket_makes_room)
{
	struct rate rate = rate_of(10, 2);
	for (uint64_t n = 0; n < 8; n++)
		cr_assert_eq(taken(rate, key(3, n), NOW, 2), 2);
	for (uint64_t n = 0; n < 8; n++)
		if (n != 5) /* which alone is full at last */
			cr_assert_eq(rate_table_take(t, rate, key(3, n), NOW + 100000), 0);
	cr_assert_eq(rate_table_take(t, rate, key(3, 100), NOW + 200000), 0);
	cr_assert_eq(rate_table_evicted(t), 0);
	for (uint64_t n = 0; n < 8; n++)
		if (n != 5)
			cr_assert_eq(taken(rate, key(3, n), NOW + 200000, 5), 1, "key %d lacked one", (int)n);
}

/* The fault is in the caller's favour, and is seen. */
Test(rate_table, where_none_is_full_the_one_that_lacks_least_makes_room)
{
	struct rate rate = rate_of(1, 10);
	for (uint64_t n = 0; n < 8; n++)
		cr_assert_eq(taken(rate, key(3, n), NOW, n == 2 ? 1 : 10), n == 2 ? 1 : 10);
	cr_assert_eq(taken(rate, key(3, 100), NOW, 20), 10);
	cr_assert_eq(rate_table_evicted(t), 1);
	for (uint64_t n = 0; n < 8; n++)
		if (n != 2)
			cr_assert_gt(rate_table_take(t, rate, key(3, n), NOW), 0, "who is at the limit stays there");
	cr_assert_eq(rate_table_evicted(t), 1);
}

/* ---- notes ---- */

Test(rate_table, a_note_is_taken_once_and_only_within_its_time)
{
	cr_assert_not(rate_table_take_note(t, 7, NOW));
	rate_table_note(t, 7, NOW, SECOND);
	cr_assert_not(rate_table_take_note(t, 8, NOW));
	cr_assert(rate_table_take_note(t, 7, NOW + SECOND - 1));
	cr_assert_not(rate_table_take_note(t, 7, NOW + SECOND - 1));
	rate_table_note(t, 7, NOW, SECOND);
	cr_assert_not(rate_table_take_note(t, 7, NOW + SECOND));
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS  20000

static _Atomic unsigned granted[16], notes;
static struct rate shared_rate;

/* Sixteen keys of one set: at a standing clock, so that what may be granted is known exactly. */
static void *take_all(void *keys)
{
	unsigned n = *(const unsigned *)keys;
	for (unsigned i = 0; i < ROUNDS; i++)
		granted[i % n] += rate_table_take(t, shared_rate, key(9, i % n), NOW) == 0;
	return NULL;
}

static void *take_notes(void *none)
{
	(void)none;
	for (unsigned i = 0; i < ROUNDS; i++)
		notes += rate_table_take_note(t, key(i % RATE_TABLE_SETS, i / RATE_TABLE_SETS), NOW);
	return NULL;
}

static void *take_while_time_passes(void *none)
{
	(void)none;
	for (int64_t i = 0; i < ROUNDS; i++) {
		granted[0] += rate_table_take(t, shared_rate, 77, NOW + i * 100) == 0;
		if (i % 16 == 0)
			rate_table_sweep(t, NOW + i * 100, 64);
	}
	return NULL;
}

static void in_threads(void *(*run)(void *), void *arg)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, run, arg), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

Test(rate_table, threads_together_get_what_one_would)
{
	unsigned keys = 8;
	shared_rate = rate_of(100, 5000);
	in_threads(take_all, &keys);
	for (unsigned i = 0; i < keys; i++)
		cr_assert_eq(granted[i], 5000, "key %u: %u", i, granted[i]);
	cr_assert_eq(rate_table_evicted(t), 0);
}

/* 20,000 steps of 100 us are two seconds: 200 tokens beside the first ten. A thread may be up to
 * one slice behind with its time, which gives nothing more. */
Test(rate_table, threads_and_the_sweep_get_no_token_twice)
{
	shared_rate = rate_of(100, 10);
	in_threads(take_while_time_passes, NULL);
	cr_assert(granted[0] >= 205 && granted[0] <= 210, "%u", granted[0]);
}

Test(rate_table, a_note_is_one_thread_s)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		rate_table_note(t, key(i % RATE_TABLE_SETS, i / RATE_TABLE_SETS), NOW, SECOND);
	in_threads(take_notes, NULL);
	cr_assert_eq(notes, ROUNDS);
	cr_assert_eq(rate_table_evicted(t), 0);
}
