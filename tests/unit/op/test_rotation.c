/* Rotations that wait until the old secret is unused, and what becomes of replaced secrets. */
#include <criterion/criterion.h>

#include "op_test.h"

TestSuite(rotation, .init = op_up, .fini = op_down);

static struct op *ask(enum op_id id, struct op_input in)
{
	struct op *op = new_op(id);
	op->in = in;
	op->in.bearer = token_from(client_claims());
	op_run(op);
	return op;
}

Test(rotation, one_that_waits_until_the_old_secret_is_unused_says_for_how_long_and_at_most)
{
	struct op *op = ask(OP_ROTATE_SECRET, (struct op_input){.until_unused_seconds = 60, .at_most_seconds = 90});
	cr_assert_eq(store.waiting, FAKE_ROTATE_BEGIN);
	cr_expect_eq(store.rotation->unused_for, 60);
	cr_expect_eq(store.rotation->grace_seconds, 90);
	struct credential c = credential_of("k1", 3);
	fake_answer(&store, ERR_OK, &c);
	fake_answer(&store, ERR_OK, &(struct credential){.created_us = NOW * 1000000, .previous_expires_us = (NOW + 90) * 1000000});
	answered(op, ERR_OK);
	cr_expect_eq(op->out.previous_unused_for, 60);
}

Test(rotation, without_at_most_it_is_thirty_days)
{
	ask(OP_ROTATE_SECRET, (struct op_input){.until_unused_seconds = 60});
	cr_expect_eq(store.rotation->grace_seconds, 2592000);
}

Test(rotation, other_terms_are_another_request)
{
	uint8_t first[SHA256_LEN];
	ask(OP_ROTATE_SECRET, (struct op_input){.until_unused_seconds = 60, .at_most_seconds = 90});
	memcpy(first, store.rotation->request_hash, sizeof first);
	store.waiting = FAKE_NONE;
	ask(OP_ROTATE_SECRET, (struct op_input){.until_unused_seconds = 61, .at_most_seconds = 90});
	cr_expect_arr_neq(store.rotation->request_hash, first, sizeof first);
	store.waiting = FAKE_NONE;
	ask(OP_ROTATE_SECRET, (struct op_input){.grace_seconds = 90, .grace_given = true});
	cr_expect_arr_neq(store.rotation->request_hash, first, sizeof first);
}

Test(rotation, terms_that_exclude_each_other_are_refused_before_the_store_is_asked)
{
	answered(ask(OP_ROTATE_SECRET, (struct op_input){.until_unused_seconds = 60, .grace_given = true}), ERR_INVALID_REQUEST);
	answered(ask(OP_ROTATE_SECRET, (struct op_input){.at_most_seconds = 60}), ERR_INVALID_REQUEST);
	answered(ask(OP_ROTATE_SECRET, (struct op_input){.until_unused_seconds = 60, .at_most_seconds = 59}), ERR_INVALID_REQUEST);
	cr_expect_eq(store.calls, 0);
}

static const struct secret_user user = {.remote_addr = STR("192.0.2.1"), .user_agent = STR("agent"), .tokens = 3};
static const struct secret_in_grace secret = {.version = 2, .hint = STR("abcd"), .users = &user, .users_n = 1};

/* The store's strings end with its callback. */
Test(rotation, the_list_is_the_op_s_own)
{
	struct op *op = ask(OP_GET_ROTATION, (struct op_input){0});
	cr_assert_eq(store.waiting, FAKE_ROTATION_READ);
	fake_rotation(&store, ERR_OK, &(struct grace_list){.client_id = STR(CLIENT), .secrets = &secret, .n = 1});
	answered(op, ERR_OK);
	cr_assert_eq(op->out.rows, 1);
	const struct secret_in_grace *got = op->out.secrets_in_grace;
	cr_expect(got->users != &user && got->users->user_agent.p != user.user_agent.p && got->hint.p != secret.hint.p);
	cr_expect(str_eq(got->users->user_agent, user.user_agent) && got->users->tokens == 3);
}

/* Its own bearer may have been obtained with the secret that it ends. */
Test(rotation, after_an_act_the_list_is_read_on_behalf_of_the_organization)
{
	struct op *op = ask(OP_CANCEL_ROTATION, (struct op_input){.secret_version = 2});
	cr_assert_eq(store.waiting, FAKE_ROTATION_CHANGE);
	cr_expect(store.grace_change.cancel && store.grace_change.version == 2);
	fake_rotation(&store, ERR_OK, &(struct grace_list){.client_id = STR(CLIENT)});
	cr_assert_eq(store.waiting, FAKE_ROTATION_READ);
	cr_expect(store.bearer->admin && store.bearer->anywhere && store.bearer->client_id.p == NULL);
	cr_expect(str_eq(store.client_id, STR(CLIENT)));
	fake_rotation(&store, ERR_OK, &(struct grace_list){.client_id = STR(CLIENT)});
	answered(op, ERR_OK);
}

Test(rotation, every_refusal_of_the_store_is_the_answer)
{
	static const enum err outcomes[] = {ERR_INVALID_TOKEN, ERR_FORBIDDEN,       ERR_CLIENT_NOT_FOUND,
					    ERR_CONFLICT,      ERR_INVALID_REQUEST, ERR_STORE_UNAVAILABLE};
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		struct op *op = ask(OP_PROLONG_ROTATION, (struct op_input){.grace_seconds = 60});
		cr_expect_not(store.grace_change.cancel);
		fake_rotation(&store, outcomes[i], NULL);
		answered(op, outcomes[i]);
	}
	answered(ask(OP_PROLONG_ROTATION, (struct op_input){0}), ERR_INVALID_REQUEST);
}
