#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "hashing/hash_failures.h"
#include "hashing/hash_pool.h"

/* base64 of SHA-256 of "a-secret-of-old", and bcrypt of the same at cost 10 */
#define SECRET "a-secret-of-old"
#define QUICK  "pmaxpaqdYTjQpElBvwo8VXTi4zjWyCzTIvggl2S2v2c="
#define COSTLY "$2b$10$CCCCCCCCCCCCCCCCCCCCC.OyaqZ5Fc/adhcF2MygRleL7gbpIPabm"
#define OTHER  "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static struct event_base *base;
static struct hash_pool *pool;
static struct hash_view *view;
static unsigned answers;
static enum err last;
static size_t last_which;

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	base = event_base_new();
	cr_assert_eq(hash_pool_open(&pool), ERR_OK);
	view = hash_view_new(pool, base);
	cr_assert_not_null(view);
	answers = 0;
}

static void down(void)
{
	hash_view_free(view);
	hash_pool_close(pool);
	event_base_free(base);
	crypto_fini();
}

TestSuite(hash_pool, .init = up, .fini = down, .timeout = 60);

static void count(void *arg, enum err err, size_t which)
{
	unsigned *of = arg;
	answers++;
	if (of != NULL)
		++*of;
	last = err;
	last_which = which;
}

static enum err ask(struct hash_view *v, const char *client_id, const char *secret, const char *hash, unsigned *of)
{
	const struct str hashes[] = {STR(OTHER), str_of(hash)};
	const struct hash_question q = {
		.client_id = str_of(client_id), .secret = str_of(secret), .hashes = hashes, .n = 2, .until_us = clock_mono_us() + 60000000};
	return hash_ask(v, &q, count, of);
}

static void wait_for(unsigned n)
{
	while (answers < n)
		event_base_loop(base, EVLOOP_ONCE);
}

Test(hash_pool, the_right_secret_is_told_with_its_hash)
{
	cr_assert_eq(ask(view, "client-1", SECRET, QUICK, NULL), ERR_OK);
	cr_assert_eq(answers, 0, "not from inside the call");
	wait_for(1);
	cr_assert_eq(last, ERR_OK);
	cr_assert_eq(last_which, 1);
}

Test(hash_pool, a_wrong_one_matches_none)
{
	cr_assert_eq(ask(view, "client-1", "another-secret", QUICK, NULL), ERR_OK);
	wait_for(1);
	cr_assert_eq(last, ERR_MISMATCH);
}

Test(hash_pool, a_client_has_few_places_and_others_theirs)
{
	char secret[32];
	for (unsigned i = 0; i < HASH_CLIENT_MAX; i++) {
		snprintf(secret, sizeof secret, "another-secret-%u", i);
		cr_assert_not(hash_is_full(view, STR("client-1")));
		cr_assert_eq(ask(view, "client-1", secret, COSTLY, NULL), ERR_OK);
	}
	cr_assert(hash_is_full(view, STR("client-1")));
	cr_assert_eq(ask(view, "client-1", "one-too-many", COSTLY, NULL), ERR_OVERLOADED);
	cr_assert_not(hash_is_full(view, STR("client-2")));
	cr_assert_eq(ask(view, "client-2", SECRET, QUICK, NULL), ERR_OK);
	wait_for(HASH_CLIENT_MAX + 1);
	cr_assert_not(hash_is_full(view, STR("client-1")));
}

Test(hash_pool, who_asks_the_same_shares_the_answer)
{
	for (unsigned i = 0; i < 100; i++)
		cr_assert_eq(ask(view, "client-1", SECRET, COSTLY, NULL), ERR_OK);
	wait_for(100);
	cr_assert_eq(last, ERR_OK);
}

Test(hash_pool, the_queue_is_bounded)
{
	char client_id[32];
	unsigned taken = 0;
	enum err err = ERR_OK;
	for (unsigned i = 0; err == ERR_OK && i < 10000; i++) {
		snprintf(client_id, sizeof client_id, "client-%u", i);
		err = ask(view, client_id, SECRET, COSTLY, NULL);
		taken += err == ERR_OK;
	}
	cr_assert_eq(err, ERR_OVERLOADED);
	cr_assert_geq(taken, HASH_QUEUE_MAX);
}

static uint64_t counted(enum foreign_form form, enum hash_outcome outcome)
{
	struct hash_counts counts;
	hash_pool_counts(pool, &counts);
	return counts.made[form][outcome];
}

Test(hash_pool, each_hash_is_counted_once_by_its_form_and_outcome)
{
	cr_assert_eq(ask(view, "client-1", SECRET, COSTLY, NULL), ERR_OK);
	cr_assert_eq(ask(view, "client-1", SECRET, COSTLY, NULL), ERR_OK); /* shares the answer */
	wait_for(2);
	cr_assert_eq(ask(view, "client-1", "another-one", QUICK, NULL), ERR_OK);
	wait_for(3);
	cr_expect_eq(counted(FOREIGN_FORM_BCRYPT, HASH_MATCHED), 1);
	cr_expect_eq(counted(FOREIGN_FORM_SHA2, HASH_WRONG), 3);
	cr_expect_eq(counted(FOREIGN_FORM_SHA2, HASH_MATCHED) + counted(FOREIGN_FORM_SHA2, HASH_OVERLOADED), 0);
}

Test(hash_pool, who_is_refused_for_load_is_counted_and_who_waits_too)
{
	char secret[32];
	unsigned refused = 0;
	struct hash_counts counts;
	for (unsigned i = 0; i < HASH_CLIENT_MAX + 5; i++) {
		snprintf(secret, sizeof secret, "another-one-%u", i);
		refused += ask(view, "client-1", secret, COSTLY, NULL) == ERR_OVERLOADED;
	}
	cr_assert_geq(refused, 1);
	cr_expect_eq(counted(FOREIGN_FORM_SHA2, HASH_OVERLOADED), refused);
	hash_pool_counts(pool, &counts);
	cr_expect(counts.queued > 0 && counts.queued < HASH_CLIENT_MAX, "%u", counts.queued);
	wait_for(HASH_CLIENT_MAX + 5 - refused);
	hash_pool_counts(pool, &counts);
	cr_expect_eq(counts.queued, 0);
}

Test(hash_pool, what_is_overdue_is_not_begun)
{
	const struct str hash = STR(QUICK);
	const struct hash_question q = {
		.client_id = STR("client-1"), .secret = STR(SECRET), .hashes = &hash, .n = 1, .until_us = clock_mono_us()};
	cr_assert_eq(hash_ask(view, &q, count, NULL), ERR_OK);
	wait_for(1);
	cr_assert_eq(last, ERR_OVERLOADED);
	cr_assert_eq(counted(FOREIGN_FORM_SHA2, HASH_OVERLOADED), 1);
	cr_assert_eq(counted(FOREIGN_FORM_SHA2, HASH_WRONG), 0);
}

/* Or else a client whose first hashes take all the time would never be let in. */
Test(hash_pool, after_a_job_that_is_cut_off_the_next_one_goes_on)
{
	const struct str hashes[] = {STR(COSTLY), STR("zhgH6RPJcEfa/vaClaiWjIlMyNHYzCw4+oTgbn1cDwY=")};
	struct hash_question q = {.client_id = STR("client-1"), .secret = STR("another-secret"), .hashes = hashes, .n = 2};
	last = ERR_OVERLOADED;
	for (unsigned tries = 1; last == ERR_OVERLOADED; tries++) {
		q.until_us = clock_mono_us() + 10000; /* the first takes longer */
		cr_assert_eq(hash_ask(view, &q, count, NULL), ERR_OK);
		wait_for(tries);
	}
	cr_assert_eq(last, ERR_OK);
	cr_assert_eq(last_which, 1);
	cr_assert_geq(counted(FOREIGN_FORM_BCRYPT, HASH_WRONG), 1);
	q.until_us = clock_mono_us() + 60000000;
	cr_assert_eq(hash_ask(view, &q, count, NULL), ERR_OK);
	wait_for(answers + 1);
	cr_assert_eq(counted(FOREIGN_FORM_BCRYPT, HASH_WRONG), 2, "with time enough the first comes first");
}

Test(hash_pool, a_stranger_who_is_cut_off_does_not_change_who_comes_first)
{
	const struct str hashes[] = {STR(COSTLY), STR(OTHER)};
	struct hash_question q = {.client_id = STR("client-1"), .secret = STR("a-guess"), .hashes = hashes, .n = 2};
	for (unsigned tries = 1; counted(FOREIGN_FORM_BCRYPT, HASH_WRONG) == 0; tries++) {
		q.until_us = clock_mono_us() + 10000;
		cr_assert_eq(hash_ask(view, &q, count, NULL), ERR_OK);
		wait_for(tries);
	}
	cr_assert_eq(last, ERR_OVERLOADED);
	q.secret = STR(SECRET);
	q.until_us = clock_mono_us() + 60000000;
	cr_assert_eq(hash_ask(view, &q, count, NULL), ERR_OK);
	wait_for(answers + 1);
	cr_assert_eq(last, ERR_OK);
	cr_assert_eq(counted(FOREIGN_FORM_SHA2, HASH_WRONG), 0);
}

Test(hash_pool, each_view_has_its_own_answers)
{
	struct event_base *other_base = event_base_new();
	struct hash_view *other = hash_view_new(pool, other_base);
	unsigned here = 0, there = 0;
	cr_assert_eq(ask(view, "client-1", SECRET, COSTLY, &here), ERR_OK);
	cr_assert_eq(ask(other, "client-1", SECRET, COSTLY, &there), ERR_OK);
	while (here == 0)
		event_base_loop(base, EVLOOP_ONCE);
	cr_assert_eq(there, 0);
	while (there == 0)
		event_base_loop(other_base, EVLOOP_ONCE);
	cr_assert_eq(here, 1);
	hash_view_free(other);
	event_base_free(other_base);
}

Test(hash_pool, a_view_that_ends_answers_who_waits)
{
	cr_assert_eq(ask(view, "client-1", SECRET, COSTLY, NULL), ERR_OK);
	cr_assert_eq(ask(view, "client-2", SECRET, COSTLY, NULL), ERR_OK);
	cr_assert_eq(ask(view, "client-3", SECRET, COSTLY, NULL), ERR_OK);
	hash_view_free(view);
	view = NULL;
	cr_assert_eq(answers, 3);
	cr_assert_eq(last, ERR_SHUTTING_DOWN);
}

Test(hash_pool, failures_of_a_client_are_bounded_here_and_in_all)
{
	struct hash_failures *f = NULL;
	int64_t now_us = 1000000000;
	unsigned here = 0, everywhere = 0;
	char address[32];
	cr_assert_eq(hash_failures_open(&f), ERR_OK);
	for (; hash_failures_wait(f, STR("client-1"), STR("192.0.2.7"), now_us) == 0; here++)
		hash_failures_note(f, STR("client-1"), STR("192.0.2.7"), now_us);
	cr_assert_eq(here, HASH_FAILURES_HERE_BURST);
	cr_assert_eq(hash_failures_wait(f, STR("client-1"), STR("192.0.2.8"), now_us), 0);
	cr_assert_eq(hash_failures_wait(f, STR("client-2"), STR("192.0.2.7"), now_us), 0);
	snprintf(address, sizeof address, "198.51.100.0");
	for (; hash_failures_wait(f, STR("client-1"), str_of(address), now_us) == 0; everywhere++) {
		hash_failures_note(f, STR("client-1"), str_of(address), now_us);
		snprintf(address, sizeof address, "198.51.100.%u", everywhere + 1);
	}
	cr_assert_eq(here + everywhere, HASH_FAILURES_BURST);
	now_us += 1000000;
	cr_assert_eq(hash_failures_wait(f, STR("client-1"), STR("192.0.2.7"), now_us), 0);
	hash_failures_close(f);
}
