#include <criterion/criterion.h>

#include "op_test.h"

TestSuite(read, .init = op_up, .fini = op_down);

static struct op *ask(enum op_id id)
{
	struct op *op = new_op(id);
	op->in.bearer = token_from(operator_claims());
	op_run(op);
	cr_assert_eq(replies, 0);
	return op;
}

static void answer(struct op *op, enum err err)
{
	struct credential c = credential_of("k2", 3);
	fake_answer(&store, err, &c);
	answered(op, err);
}

Test(read, the_client_id_is_the_store_s_answer)
{
	struct op *op = ask(OP_GET_CLIENT_ID);
	char id[] = CLIENT;
	struct credential c = {.client_id = str_of(id)};
	fake_answer(&store, ERR_OK, &c);
	memset(id, 'x', sizeof id - 1);
	answered(op, ERR_OK);
	cr_assert(str_eq(op->out.client_id, STR(CLIENT)));
}

Test(read, the_secret_is_derived_again)
{
	static const char *const keys[] = {"k2", "k1"};
	for (int i = 0; i < 2; i++) {
		struct op *op = ask(OP_GET_CLIENT_SECRET);
		cr_assert_eq(store.waiting, FAKE_READ_SECRET);
		cr_assert_eq(store.origin, &op->origin);
		struct credential c = credential_of(keys[i], 3);
		fake_answer(&store, ERR_OK, &c);
		answered(op, ERR_OK);
		cr_assert(str_eq(op->out.client_secret, secret_of(keys[i], 3)));
		cr_assert(secret_well_formed(op->out.client_secret));
		cr_assert(str_eq(op->out.client_id, STR(CLIENT)));
		cr_assert_eq(op->out.version, 3);
		cr_assert_eq(op->out.created_us, NOW * 1000000);
	}
}

static bool is_wiped(const struct op *op)
{
	static const char zeros[SECRET_LEN];
	return memcmp(op->secret, zeros, SECRET_LEN) == 0;
}

static void no_secret_of(struct credential c, enum err err)
{
	struct op *op = ask(OP_GET_CLIENT_SECRET);
	fake_answer(&store, ERR_OK, &c);
	answered(op, err);
	cr_assert(is_wiped(op));
}

/* The row was changed by hand, or the salt is another one's: what would be read is not what the
 * database verifies. */
Test(read, a_secret_that_its_verifier_contradicts_does_not_leave)
{
	struct credential c = credential_of("k2", 3);
	c.params.salt[0] ^= 1;
	no_secret_of(c, ERR_INTERNAL);
	c = credential_of("k2", 3);
	c.params.version = 4;
	no_secret_of(c, ERR_INTERNAL);
	c = credential_of("k2", 3);
	c.params.organization_id.b[0] ^= 1;
	no_secret_of(c, ERR_INTERNAL);
	c = credential_of("k2", 3);
	c.key_id = STR("k1");
	no_secret_of(c, ERR_INTERNAL);
	c = credential_of("k2", 3);
	c.verifier.n--;
	no_secret_of(c, ERR_INTERNAL);
}

Test(read, a_key_that_this_pod_lacks_is_a_matter_of_the_pod)
{
	struct credential c = credential_of("k2", 3);
	c.key_id = STR("k9");
	no_secret_of(c, ERR_KEY_MISSING);
	cr_assert_eq(err_info(ERR_KEY_MISSING)->http, 503);
}

Test(read, every_outcome_of_the_store_is_the_answer)
{
	static const enum err outcomes[] = {ERR_INVALID_TOKEN, ERR_FORBIDDEN,         ERR_CLIENT_NOT_FOUND,
					    ERR_KEY_MISSING,   ERR_STORE_UNAVAILABLE, ERR_INTERNAL};
	for (size_t i = 0; i < sizeof outcomes / sizeof *outcomes; i++) {
		answer(ask(OP_GET_CLIENT_ID), outcomes[i]);
		answer(ask(OP_GET_CLIENT_SECRET), outcomes[i]);
	}
}

Test(read, what_the_store_does_not_take_on_is_answered_at_once)
{
	static const enum op_id reads[] = {OP_GET_CLIENT_ID, OP_GET_CLIENT_SECRET};
	store.refuse = ERR_OVERLOADED;
	for (int i = 0; i < 2; i++) {
		struct op *op = new_op(reads[i]);
		op->in.bearer = token_from(operator_claims());
		op_run(op);
		refused_unasked(op, ERR_OVERLOADED);
		cr_assert_str_eq(op->retry_after, "1");
	}
}

Test(read, the_secret_is_not_logged)
{
	answer(ask(OP_GET_CLIENT_SECRET), ERR_OK);
	cr_assert_not_null(strstr(logged(), CLIENT));
	cr_assert_null(strstr(logged(), "m2ms_"));
}
