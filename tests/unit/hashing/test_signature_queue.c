/* Signatures that are asked about in one turn of the loop. Without libcrypto_mb nobody is asked,
 * and these are skipped. */
#include <criterion/criterion.h>
#include <event2/event.h>

#include "crypto/digest.h"
#include "crypto/signing_key_parts.h"
#include "hashing/signature_queue.h"

#define MANY 19 /* two groups, and a rest */

static struct event_base *base;
static struct signature_queue *queue;
static struct signing_key *key;
static uint8_t signature[SIGNATURE_MAX];

struct asker {
	struct signature_question question;
	unsigned answers;
	enum err err;
	struct asker *next; /* that it asks for when it is answered */
};
static struct asker askers[MANY];

static void up(void)
{
	size_t n;
	cr_assert_eq(crypto_init(), ERR_OK);
	base = event_base_new();
	cr_assert_eq(signing_key_generate(JWT_ES256, &key), ERR_OK);
	cr_assert_eq(signing_key_sign(key, STR("input"), signature, &n), ERR_OK);
	queue = signature_queue_new(base, SIGNING_MULTI_BUFFER);
	cr_assert_not_null(queue);
	memset(askers, 0, sizeof askers);
}

static void down(void)
{
	signature_queue_free(queue);
	signing_key_free(key);
	event_base_free(base);
	crypto_fini();
}

TestSuite(signature_queue, .init = up, .fini = down, .timeout = 60);

static bool ask(struct asker *a, struct str input);

static void answered(void *arg, enum err err)
{
	struct asker *a = arg;
	a->answers++;
	a->err = err;
	memset(&a->question, 0x5a, sizeof a->question); /* the asker's memory again */
	if (a->next != NULL)
		cr_assert(ask(a->next, STR("input")));
}

static bool ask(struct asker *a, struct str input)
{
	a->question = (struct signature_question){
		.verification = {.key = key, .input = input, .signature = str_from(signature, 64)}, .done = answered, .arg = a};
	return signature_ask(queue, &a->question);
}

static void skip_where_there_is_none(void)
{
	if (!group_verifier_works(SIGNING_MULTI_BUFFER))
		cr_skip_test("no libcrypto_mb here");
}

static void turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static void expect_answers(unsigned each, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(askers[i].answers, each, "%zu", i);
}

Test(signature_queue, each_of_many_gets_its_own_answer_in_the_same_turn)
{
	skip_where_there_is_none();
	for (size_t n = 1; n <= MANY; n++) {
		memset(askers, 0, sizeof askers);
		for (size_t i = 0; i < n; i++)
			cr_assert(ask(&askers[i], i % 3 == 1 ? STR("other") : STR("input")));
		expect_answers(0, n); /* not from inside the call */
		turn();
		expect_answers(1, n);
		for (size_t i = 0; i < n; i++)
			cr_assert_eq(askers[i].err, i % 3 == 1 ? ERR_MISMATCH : ERR_OK, "%zu of %zu", i, n);
	}
}

static void ask_later(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	cr_assert_eq(askers[0].answers, 0);
	cr_assert(ask(arg, STR("input")));
}

/* What the kernel tells in one turn travels together, whoever of them comes first. */
Test(signature_queue, the_turn_s_other_requests_come_first)
{
	skip_where_there_is_none();
	struct event *first = event_new(base, -1, 0, ask_later, &askers[0]), *second = event_new(base, -1, 0, ask_later, &askers[1]);
	event_active(first, EV_TIMEOUT, 0);
	event_active(second, EV_TIMEOUT, 0);
	askers[0].next = &askers[2];
	turn();
	expect_answers(1, 3);
	event_free(first);
	event_free(second);
}

Test(signature_queue, an_owner_may_free_its_key_meanwhile)
{
	skip_where_there_is_none();
	cr_assert(ask(&askers[0], STR("input")));
	signing_key_free(key);
	key = NULL;
	turn();
	cr_assert_eq(askers[0].err, ERR_OK);
}

Test(signature_queue, who_waits_is_answered_when_the_queue_ends)
{
	skip_where_there_is_none();
	cr_assert(ask(&askers[0], STR("input")) && ask(&askers[1], STR("input")));
	signature_queue_free(queue);
	queue = NULL;
	expect_answers(1, 2);
	cr_assert_eq(askers[1].err, ERR_SHUTTING_DOWN);
	turn();
	expect_answers(1, 2);
}

Test(signature_queue, what_is_verified_alone_is_not_taken)
{
	struct signing_key *rsa = NULL;
	struct signature_queue *simple = signature_queue_new(base, SIGNING_BATCHED);
	struct signature_question q = {.verification = {.key = key}, .done = answered};
	cr_assert_not(signature_ask(simple, &q));
	signature_queue_free(simple);
	cr_assert_eq(signing_key_generate(JWT_RS256, &rsa), ERR_OK);
	q.verification.key = rsa;
	cr_assert_not(signature_ask(queue, &q));
	signing_key_free(rsa);
}
