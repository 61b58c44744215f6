/* Tokens that are signed together: the store hands their requests over one after another, and
 * says with each whether another one follows. */
#include <criterion/criterion.h>

#include "crypto/jwt.h"
#include "op_test.h"

#define GROUP 6

static struct asked {
	struct op *op;
	struct issue_request *request;
	unsigned answers;
	enum err err;
	bool has_token;
} asked[GROUP];

static unsigned answered_all;
static struct asked *hangs_up; /* with its answer the one behind it is abandoned */

/* The store would say that a statement carries it already. */
static void abandon(struct asked *a)
{
	store.waiting = FAKE_ISSUE;
	store.request = a->request;
	op_abandon(a->op, ERR_CANCELLED);
	store.waiting = FAKE_NONE;
}

static void reply(struct op *op, void *transport)
{
	struct asked *a = transport;
	a->answers++;
	a->err = op->err;
	a->has_token = op->out.access_token.p != NULL;
	if (a->has_token) {
		struct jwt jwt;
		char jti[UUID_TEXT_LEN];
		uuid_format(a->request->jti, jti);
		cr_assert_eq(jwt_parse(arena, op->out.access_token, &jwt), ERR_OK);
		cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
		cr_assert_not_null(memmem(jwt.claims.p, jwt.claims.n, jti, sizeof jti), "its own row's");
	}
	answered_all++;
	if (a == hangs_up)
		abandon(a + 1);
	op_free(op); /* as the transports do: what comes after must not need it */
}

static void ask(unsigned i)
{
	struct op *op = op_new(&env, &op_specs[OP_OAUTH_TOKEN], reply, &asked[i]);
	op->origin = (struct origin){.transport = 'r', .remote_addr = STR("192.0.2.7")};
	op->in = (struct op_input){.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = secret_of("k2", 3)};
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	store.waiting = FAKE_NONE;
	asked[i] = (struct asked){.op = op, .request = store.request};
}

static void up(void)
{
	op_up();
	for (unsigned i = 0; i < GROUP; i++)
		ask(i);
}

TestSuite(token_group, .init = up, .fini = op_down);

static void hand_over(const enum err errs[GROUP], struct signing_key *with)
{
	struct issue_request *group[GROUP];
	for (unsigned i = 0; i < GROUP; i++) {
		group[i] = asked[i].request;
		group[i]->err = errs[i];
		group[i]->key = with;
		tell_row(group[i]);
	}
	group[0]->done(group, GROUP);
}

static void hand_over_all(enum err err_of_third)
{
	const enum err errs[GROUP] = {[2] = err_of_third};
	hand_over(errs, keyset_current(store.keys));
}

static void each_is_answered_once(void)
{
	cr_assert_eq(answered_all, GROUP);
	for (unsigned i = 0; i < GROUP; i++)
		cr_assert_eq(asked[i].answers, 1, "%u", i);
}

Test(token_group, each_gets_its_own_token)
{
	hand_over_all(ERR_OK);
	each_is_answered_once();
	for (unsigned i = 0; i < GROUP; i++)
		cr_assert(asked[i].err == ERR_OK && asked[i].has_token, "%u", i);
}

Test(token_group, one_that_is_refused_gets_none_and_the_others_theirs)
{
	hand_over_all(ERR_INVALID_CLIENT);
	each_is_answered_once();
	for (unsigned i = 0; i < GROUP; i++) {
		cr_assert_eq(asked[i].err, i == 2 ? ERR_INVALID_CLIENT : ERR_OK);
		cr_assert_eq(asked[i].has_token, i != 2, "%u", i);
	}
}

Test(token_group, a_refusal_at_its_end_keeps_nobody_waiting)
{
	const enum err errs[GROUP] = {[GROUP - 1] = ERR_INVALID_SCOPE};
	hand_over(errs, keyset_current(store.keys));
	each_is_answered_once();
	cr_assert(asked[GROUP - 2].has_token);
	cr_assert_eq(asked[GROUP - 1].err, ERR_INVALID_SCOPE);
}

Test(token_group, a_group_of_refusals_signs_nothing)
{
	enum err errs[GROUP];
	for (unsigned i = 0; i < GROUP; i++)
		errs[i] = ERR_INVALID_CLIENT;
	hand_over(errs, NULL);
	each_is_answered_once();
}

Test(token_group, one_whose_client_has_gone_before_is_not_signed)
{
	abandon(&asked[2]);
	hand_over_all(ERR_OK);
	each_is_answered_once();
	cr_assert_eq(asked[2].err, ERR_OK, "its row is there");
	for (unsigned i = 0; i < GROUP; i++)
		cr_assert_eq(asked[i].has_token, i != 2, "%u", i);
}

Test(token_group, one_that_is_abandoned_with_an_answer_before_it_gets_none)
{
	hangs_up = &asked[1];
	hand_over_all(ERR_OK);
	each_is_answered_once();
	for (unsigned i = 0; i < GROUP; i++)
		cr_assert_eq(asked[i].has_token, i != 2, "%u", i);
}

Test(token_group, without_signatures_each_is_an_error_of_ours)
{
	struct sbuf jwk = sbuf_in(arena, 1024);
	struct signing_key *public = NULL;
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	cr_assert_eq(signing_key_from_jwk(JWT_ES256, sbuf_str(&jwk), &public), ERR_OK);
	const enum err errs[GROUP] = {ERR_OK};
	hand_over(errs, public);
	each_is_answered_once();
	for (unsigned i = 0; i < GROUP; i++)
		cr_assert(asked[i].err == ERR_INTERNAL && !asked[i].has_token, "%u", i);
	signing_key_free(public);
}
