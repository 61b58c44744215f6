/* A secret that was brought along, from the statement's answer to the statement's next one: with
 * real threads, whose answers come from a real loop. */
#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>

#include "crypto/foreign_secret.h"
#include "op/op_steps.h"
#include "op_test.h"

/* base64 of SHA-256 */
#define SECRET     "a-secret-of-old"
#define HASH       "pmaxpaqdYTjQpElBvwo8VXTi4zjWyCzTIvggl2S2v2c="
#define OTHER_HASH "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define FOREIGN_ID "5f0c2c0e-6a3f-4c8e-9a53-1f1d2f1a7b11"

static struct event_base *base;
static struct hash_pool *pool;

static void up(void)
{
	op_up();
	base = event_base_new();
	cr_assert_eq(hash_pool_open(&pool), ERR_OK);
	cr_assert_eq(hash_failures_open(&env.hash_failures), ERR_OK);
	env.hashing = hash_view_new(pool, base);
	cr_assert_not_null(env.hashing);
	store.has_foreign = true;
}

static void down(void)
{
	hash_view_free(env.hashing);
	env.hashing = NULL;
	hash_pool_close(pool);
	hash_failures_close(env.hash_failures);
	event_base_free(base);
	op_down();
}

TestSuite(adoption, .init = up, .fini = down, .timeout = 30);

static const struct foreign_hash hashes[] = {{2, STR(OTHER_HASH)}, {1, STR(HASH)}};

/* Up to the hashes. */
static struct op *ask(struct str secret)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){.grant_type = STR("client_credentials"), .client_id = STR(FOREIGN_ID), .client_secret = secret};
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	store.request->organization_id.b[0] = 1; /* the client is there */
	fake_issue(&store, ERR_SECRET_NOT_ADOPTED);
	return op;
}

static void turn_until(enum fake_call call)
{
	while (store.waiting != call && replies == 0)
		event_base_loop(base, EVLOOP_ONCE);
	cr_assert_eq(store.waiting, call);
}

Test(adoption, the_right_secret_is_adopted_and_the_statement_asked_once_more)
{
	struct op *op = ask(STR(SECRET));
	cr_assert_eq(store.waiting, FAKE_FOREIGN_HASHES);
	fake_foreign_hashes(&store, ERR_OK, hashes, 2);
	turn_until(FAKE_ADOPT);
	uint8_t want[SHA256_LEN];
	cr_assert_eq(secret_verifier(&config.ring.keys[0], STR(FOREIGN_ID), STR(SECRET), want), ERR_OK);
	cr_assert_eq(store.adoption.was.version, 1);
	cr_assert(str_eq(store.adoption.was.hash, STR(HASH)));
	cr_assert(str_eq(store.adoption.key_id, STR("k2")));
	cr_assert_eq(store.adoption.verifier.n, SHA256_LEN);
	cr_assert_arr_eq(store.adoption.verifier.p, want, SHA256_LEN);
	cr_assert_eq(store.origin, &op->origin);
	fake_adopted(&store, ERR_OK);
	cr_assert_eq(store.waiting, FAKE_ISSUE, "the statement decides");
	tell_row(store.request);
	store.request->key = key;
	fake_issue(&store, ERR_OK);
	answered(op, ERR_OK);
}

Test(adoption, what_the_statement_refuses_after_an_adoption_stays_refused)
{
	struct op *op = ask(STR(SECRET));
	fake_foreign_hashes(&store, ERR_OK, hashes, 2);
	turn_until(FAKE_ADOPT);
	fake_adopted(&store, ERR_OK);
	fake_issue(&store, ERR_SECRET_NOT_ADOPTED);
	answered(op, ERR_INVALID_CLIENT);
}

Test(adoption, without_hashes_the_statement_is_asked_at_once)
{
	struct op *op = ask(STR(SECRET));
	fake_foreign_hashes(&store, ERR_OK, NULL, 0);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	fake_issue(&store, ERR_INVALID_CLIENT);
	answered(op, ERR_INVALID_CLIENT);
}

Test(adoption, wrong_secrets_are_refused_until_they_are_too_many)
{
	enum err err = ERR_INVALID_CLIENT;
	unsigned refused = 0;
	while (err == ERR_INVALID_CLIENT) {
		struct op *op = ask(STR("another-secret"));
		if (replies == 0) {
			fake_foreign_hashes(&store, ERR_OK, hashes, 2);
			turn_until(FAKE_NONE);
			while (replies == 0)
				event_base_loop(base, EVLOOP_ONCE);
		}
		cr_assert(op->client_known);
		err = op->err;
		refused += err == ERR_INVALID_CLIENT;
	}
	cr_assert_eq(err, ERR_RATE_LIMITED);
	cr_assert_eq(refused, HASH_FAILURES_HERE_BURST);
}

Test(adoption, a_failing_database_is_said_to_be_one)
{
	struct op *op = ask(STR(SECRET));
	fake_foreign_hashes(&store, ERR_STORE_UNAVAILABLE, NULL, 0);
	answered(op, ERR_STORE_UNAVAILABLE);
	op = ask(STR(SECRET));
	fake_foreign_hashes(&store, ERR_OK, hashes, 2);
	turn_until(FAKE_ADOPT);
	fake_adopted(&store, ERR_STORE_UNAVAILABLE);
	answered(op, ERR_STORE_UNAVAILABLE);
}

Test(adoption, who_has_gone_meanwhile_gets_nothing_and_is_answered_once)
{
	struct op *op = ask(STR(SECRET));
	fake_foreign_hashes(&store, ERR_OK, hashes, 2);
	op_abandon(op, ERR_CANCELLED);
	while (replies == 0)
		event_base_loop(base, EVLOOP_ONCE);
	cr_assert_eq(op->err, ERR_CANCELLED);
	cr_assert_eq(store.waiting, FAKE_NONE);
}
