#include <criterion/criterion.h>

#include "op_test.h"

TestSuite(rotate, .init = op_up, .fini = op_down);

#define LATER_US ((NOW + 60) * 1000000)

static struct op *ask(void)
{
	return begin_rotation((struct op_input){0});
}

static void commit(int64_t previous_expires_us)
{
	const struct credential c = {.created_us = NOW * 1000000, .previous_expires_us = previous_expires_us};
	fake_answer(&store, ERR_OK, &c);
}

Test(rotate, what_is_committed_is_the_verifier_of_what_is_answered)
{
	struct op *op = ask();
	uint8_t want[SHA256_LEN];
	tell_version(3);
	cr_assert_eq(store.waiting, FAKE_ROTATE);
	cr_assert_eq(replies, 0);
	cr_assert_null(op->out.client_secret.p, "nothing is answered before the commit");
	const struct credential_new fresh = *store.fresh;
	commit(LATER_US);
	answered(op, ERR_OK);
	cr_assert(str_eq(op->out.client_id, STR(CLIENT)));
	cr_assert_eq(op->out.version, 4);
	cr_assert_eq(op->out.rotated_us, NOW * 1000000);
	cr_assert_eq(op->out.previous_expires_us, LATER_US);
	cr_assert(str_eq(fresh.client_id, STR(CLIENT)));
	cr_assert_eq(fresh.replaces, 3);
	cr_assert(str_eq(fresh.kept.key_id, STR("k2")), "the ring's first, whatever the earlier version was made with");
	cr_assert_eq(secret_verifier(&config.ring.keys[0], STR(CLIENT), op->out.client_secret, want), ERR_OK);
	cr_assert_arr_eq(fresh.kept.verifier, want, SHA256_LEN);
	cr_assert_arr_eq(fresh.kept.hint, op->out.client_secret.p + SECRET_LEN - 11, SECRET_HINT_LEN);
}

/* From what the row keeps, the secret must come out again. */
Test(rotate, the_new_secret_can_be_derived_from_its_row)
{
	struct op *op = ask();
	char secret[SECRET_LEN];
	tell_version(3);
	struct secret_params params = credential_of("k1", 4).params;
	memcpy(params.salt, store.fresh->kept.salt, SECRET_SALT_LEN);
	commit(INT64_MIN);
	cr_assert_eq(secret_derive(&config.ring.keys[0], &params, secret), ERR_OK);
	cr_assert(str_eq(op->out.client_secret, str_from(secret, SECRET_LEN)));
}

Test(rotate, two_rotations_never_share_a_salt)
{
	uint8_t first[SECRET_SALT_LEN];
	ask();
	tell_version(3);
	memcpy(first, store.fresh->kept.salt, sizeof first);
	commit(INT64_MIN);
	ask();
	tell_version(3);
	cr_assert_arr_neq(store.fresh->kept.salt, first, sizeof first);
	commit(INT64_MIN);
}

Test(rotate, without_grace_the_old_secret_ends_at_the_rotation)
{
	struct op *op = ask();
	tell_version(3);
	commit(INT64_MIN);
	cr_assert_eq(op->out.previous_expires_us, op->out.rotated_us);
}

Test(rotate, whether_tokens_are_revoked_goes_to_the_store_and_makes_it_another_request)
{
	uint8_t without[SHA256_LEN];
	ask();
	cr_assert_not(store.rotation->revoke_tokens);
	memcpy(without, store.rotation->request_hash, sizeof without);
	fake_answer(&store, ERR_CLIENT_NOT_FOUND, NULL);
	begin_rotation((struct op_input){.revoke_tokens = true});
	cr_assert(store.rotation->revoke_tokens);
	cr_assert_arr_neq(store.rotation->request_hash, without, sizeof without);
	fake_answer(&store, ERR_CLIENT_NOT_FOUND, NULL);
}

Test(rotate, grace_and_key_go_to_the_store)
{
	struct op *op = begin_rotation((struct op_input){.grace_seconds = 3600, .idempotency_key = STR("once")});
	uint8_t bearer[SHA256_LEN];
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(store.bearer, &op->caller);
		cr_assert_eq(store.origin, &op->origin);
		cr_assert_eq(store.rotation->grace_seconds, 3600);
		cr_assert(str_eq(store.rotation->idempotency_key, STR("once")));
		cr_assert_eq(sha256(op->in.bearer.p, op->in.bearer.n, bearer), ERR_OK);
		cr_assert_arr_eq(store.rotation->bearer_hash, bearer, SHA256_LEN);
		if (i == 0)
			tell_version(3);
	}
	commit(LATER_US);
}

static void request_hash(int32_t grace, const char *key_text, uint8_t out[SHA256_LEN])
{
	begin_rotation((struct op_input){.grace_seconds = grace, .idempotency_key = str_of(key_text)});
	memcpy(out, store.rotation->request_hash, SHA256_LEN);
	fake_answer(&store, ERR_CONFLICT, NULL);
}

Test(rotate, a_repeat_is_told_by_what_was_asked)
{
	uint8_t one[SHA256_LEN];
	uint8_t same[SHA256_LEN];
	uint8_t other[SHA256_LEN];
	request_hash(0, "once", one);
	request_hash(0, "once", same);
	request_hash(1, "once", other);
	cr_assert_arr_eq(one, same, SHA256_LEN);
	cr_assert_arr_neq(one, other, SHA256_LEN);
}

/* ---- a repeat ---- */

static struct op *replay(const char *key_id, int64_t previous_expires_us)
{
	struct op *op = begin_rotation((struct op_input){.idempotency_key = STR("once")});
	struct credential c = credential_of(key_id, 4);
	c.replay = true;
	c.previous_expires_us = previous_expires_us;
	store.calls = 0;
	fake_answer(&store, ERR_OK, &c);
	cr_assert_eq(store.calls, 0, "nothing is rotated");
	return op;
}

Test(rotate, a_repeat_is_answered_as_the_first_time)
{
	struct op *op = replay("k1", LATER_US);
	answered(op, ERR_OK);
	cr_assert(str_eq(op->out.client_secret, secret_of("k1", 4)));
	cr_assert(str_eq(op->out.client_id, STR(CLIENT)));
	cr_assert_eq(op->out.version, 4);
	cr_assert_eq(op->out.rotated_us, NOW * 1000000);
	cr_assert_eq(op->out.previous_expires_us, LATER_US);
	cr_assert_eq(replay("k1", INT64_MIN)->out.previous_expires_us, NOW * 1000000);
}

Test(rotate, a_repeat_whose_verifier_contradicts_is_not_answered)
{
	struct op *op = ask();
	struct credential c = credential_of("k1", 4);
	c.replay = true;
	c.params.salt[0] ^= 1;
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_INTERNAL);
}

Test(rotate, a_repeat_under_a_key_that_this_pod_lacks_waits_for_another_pod)
{
	struct op *op = ask();
	struct credential c = credential_of("k1", 4);
	c.replay = true;
	c.key_id = STR("k9");
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_KEY_MISSING);
	cr_assert_str_eq(op->retry_after, "1");
}

/* ---- races ---- */

Test(rotate, one_that_was_overtaken_begins_again_from_the_new_version)
{
	struct op *op = ask();
	for (int32_t version = 3; version < 34; version++) {
		cr_assert_eq(store.waiting, FAKE_ROTATE_BEGIN);
		tell_version(version);
		cr_assert_eq(store.waiting, FAKE_ROTATE);
		cr_assert_eq(store.fresh->replaces, version);
		fake_answer(&store, ERR_CONFLICT, NULL);
		cr_assert_eq(replies, 0);
	}
	tell_version(34);
	uint8_t committed[SHA256_LEN];
	uint8_t want[SHA256_LEN];
	memcpy(committed, store.fresh->kept.verifier, sizeof committed);
	commit(INT64_MIN);
	answered(op, ERR_OK);
	cr_assert_eq(op->out.version, 35);
	cr_assert_eq(secret_verifier(&config.ring.keys[0], STR(CLIENT), op->out.client_secret, want), ERR_OK);
	cr_assert_arr_eq(committed, want, SHA256_LEN);
}

Test(rotate, one_that_is_always_overtaken_gives_up)
{
	struct op *op = ask();
	int tries = 0;
	while (replies == 0 && tries < 100) {
		tell_version(++tries);
		fake_answer(&store, ERR_CONFLICT, NULL);
	}
	cr_assert_eq(tries, 32);
	answered(op, ERR_CONFLICT);
}

/* ---- outcomes ---- */

Test(rotate, every_outcome_of_the_store_is_the_answer)
{
	static const enum err outcomes[] = {ERR_INVALID_TOKEN, ERR_FORBIDDEN,         ERR_CLIENT_NOT_FOUND,      ERR_KEY_MISSING,
					    ERR_INTERNAL,      ERR_STORE_UNAVAILABLE, ERR_IDEMPOTENCY_KEY_REUSED};
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		struct op *op = ask();
		fake_answer(&store, outcomes[i], NULL);
		answered(op, outcomes[i]);
		op = ask();
		tell_version(3);
		fake_answer(&store, outcomes[i], NULL);
		answered(op, outcomes[i]);
	}
}

Test(rotate, what_the_store_does_not_take_on_is_answered_at_once)
{
	struct op *op = ask();
	store.refuse = ERR_STORE_UNAVAILABLE;
	tell_version(3);
	answered(op, ERR_STORE_UNAVAILABLE);
	op = new_op(OP_ROTATE_SECRET);
	op->in.bearer = token_from(client_claims());
	op_run(op);
	answered(op, ERR_STORE_UNAVAILABLE);
}

Test(rotate, the_new_secret_is_not_logged)
{
	ask();
	tell_version(3);
	commit(INT64_MIN);
	cr_assert_not_null(strstr(logged(), "\"operation\":\"rotate_secret\""));
	cr_assert_null(strstr(logged(), "m2ms_"));
}

static void refused_end(struct secret_end end, const char *words)
{
	struct op *op = new_op(OP_ROTATE_SECRET);
	op->in.secret_end = end;
	op->in.bearer = token_from(client_claims());
	op_run(op);
	answered(op, ERR_INVALID_REQUEST);
	cr_expect(strstr(op->err_detail, words) != NULL, "%s", op->err_detail);
}

Test(rotate, an_end_is_one_of_two_and_to_come)
{
	refused_end((struct secret_end){.in = 3600, .at = LATER_US}, "expires_at");
	refused_end((struct secret_end){.in = 59}, "60 to 315360000");
	refused_end((struct secret_end){.in = -1}, "60 to 315360000");
	refused_end((struct secret_end){.at = NOW * 1000000 - 1}, "a time to come");
	refused_end((struct secret_end){.at = -1}, "a time to come");
}

Test(rotate, the_end_goes_to_the_store_and_back_to_the_caller)
{
	struct op *op = begin_rotation((struct op_input){.secret_end = {.in = 3600}});
	tell_version(3);
	cr_assert_eq(store.rotation->end.in, 3600);
	const struct credential c = {.created_us = NOW * 1000000, .expires_us = LATER_US, .previous_expires_us = INT64_MIN};
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_OK);
	cr_assert_eq(op->out.expires_us, LATER_US);
}

/* A repeat with another end isn't the same request. */
Test(rotate, the_end_is_part_of_what_an_idempotency_key_stands_for)
{
	uint8_t hash[3][SHA256_LEN];
	static const struct secret_end ends[] = {{0, 0}, {3600, 0}, {7200, 0}};
	for (int i = 0; i < 3; i++) {
		(void)begin_rotation((struct op_input){.secret_end = ends[i]});
		memcpy(hash[i], store.rotation->request_hash, SHA256_LEN);
		tell_version(3);
		commit(LATER_US);
	}
	cr_assert_neq(memcmp(hash[0], hash[1], SHA256_LEN), 0);
	cr_assert_neq(memcmp(hash[1], hash[2], SHA256_LEN), 0);
}
