/* What becomes of an op whose client no longer waits, by how far it has come. */
#include <criterion/criterion.h>

#include "fakes/fake_clock.h"
#include "op_test.h"

TestSuite(abandon, .init = op_up, .fini = op_down);

static struct op *ask_for_a_token(bool queued)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = secret_of("k2", 3)};
	store.queued = queued;
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_ISSUE);
	return op;
}

/* `sign_with`: NULL makes a signature impossible. */
static void grant(struct signing_key *sign_with)
{
	struct issue_request *r = store.request;
	tell_row(r);
	r->key = sign_with;
	fake_issue(&store, ERR_OK);
}

static bool log_has(const char *field)
{
	return strstr(logged(), field) != NULL;
}

static bool log_says_abandoned(void)
{
	return log_has("\"abandoned\"");
}

/* ---- in the queue ---- */

Test(abandon, a_queued_op_is_withdrawn_and_ends_at_once)
{
	static const enum err why[] = {ERR_DEADLINE_EXCEEDED, ERR_CANCELLED};
	for (size_t i = 0; i < sizeof why / sizeof *why; i++) {
		struct op *op = ask_for_a_token(true);
		cr_assert_eq(replies, 0);
		op_abandon(op, why[i]);
		answered(op, why[i]);
		cr_assert_null(op->retry_after);
		cr_assert_eq(counters.outcomes[0][OP_OAUTH_TOKEN][why[i]], 1);
	}
	cr_assert(log_has("\"outcome\":\"deadline_exceeded\",\"status\":504"));
	cr_assert(log_has("\"outcome\":\"cancelled\",\"status\":499"));
	cr_assert_not(log_says_abandoned(), "the outcome says it");
	cr_assert_eq(store.denied, 0);
}

/* ---- under way ---- */

Test(abandon, a_token_that_was_recorded_is_not_signed_for_nobody)
{
	struct op *op = ask_for_a_token(false);
	op_abandon(op, ERR_DEADLINE_EXCEEDED);
	cr_assert_not(op->finished);
	cr_assert_eq(replies, 0);
	grant(NULL);
	answered(op, ERR_OK);
	cr_assert_null(op->out.access_token.p);
	cr_assert_eq(counters.outcomes[0][OP_OAUTH_TOKEN][ERR_DEADLINE_EXCEEDED], 0);
	cr_assert(log_has("\"organization_id\":\"" ORGANIZATION "\""));
	cr_assert(log_has("\"outcome\":\"granted\",\"abandoned\":\"deadline_exceeded\",\"status\":200"));
}

Test(abandon, a_token_that_someone_waits_for_is_not_marked)
{
	struct op *op = ask_for_a_token(false);
	grant(keyset_current(store.keys));
	answered(op, ERR_OK);
	cr_assert_not_null(op->out.access_token.p);
	cr_assert_not(log_says_abandoned());
}

Test(abandon, a_refusal_that_nobody_hears_still_counts)
{
	struct op *op = ask_for_a_token(false);
	op_abandon(op, ERR_CANCELLED);
	fake_issue(&store, ERR_INVALID_CLIENT);
	answered(op, ERR_INVALID_CLIENT);
	cr_assert_eq(store.denied, 1);
	cr_assert(log_has("\"outcome\":\"invalid_client\",\"abandoned\":\"cancelled\",\"status\":401"));
}

Test(abandon, a_secret_that_was_read_is_logged_as_read)
{
	struct op *op = new_op(OP_GET_CLIENT_SECRET);
	op->in.bearer = token_from(client_claims());
	op_run(op);
	op_abandon(op, ERR_CANCELLED);
	cr_assert_eq(replies, 0);
	tell_version(3);
	answered(op, ERR_OK);
	cr_assert(log_has("\"outcome\":\"granted\",\"abandoned\":\"cancelled\""));
}

/* ---- between steps ---- */

Test(abandon, a_rotation_that_has_only_begun_is_not_committed)
{
	struct op *op = begin_rotation((struct op_input){0});
	op_abandon(op, ERR_DEADLINE_EXCEEDED);
	cr_assert_eq(replies, 0);
	store.calls = 0;
	tell_version(3);
	refused_unasked(op, ERR_DEADLINE_EXCEEDED);
	cr_assert_not(log_says_abandoned());
}

Test(abandon, a_rotation_whose_commit_is_under_way_is_counted_as_one)
{
	struct op *op = begin_rotation((struct op_input){0});
	tell_version(3);
	cr_assert_eq(store.waiting, FAKE_ROTATE);
	op_abandon(op, ERR_DEADLINE_EXCEEDED);
	cr_assert_eq(replies, 0);
	const struct credential c = {.created_us = NOW * 1000000, .previous_expires_us = INT64_MIN};
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_OK);
	cr_assert(log_has("\"outcome\":\"granted\",\"abandoned\":\"deadline_exceeded\""));
}

Test(abandon, a_rotation_that_was_overtaken_does_not_try_again)
{
	struct op *op = begin_rotation((struct op_input){0});
	tell_version(3);
	op_abandon(op, ERR_CANCELLED);
	store.calls = 0;
	fake_answer(&store, ERR_CONFLICT, NULL);
	refused_unasked(op, ERR_CANCELLED);
}

/* The rotation was committed by the earlier request: there is no step left to leave out. */
Test(abandon, a_repeated_rotation_ends_as_it_would_have)
{
	struct op *op = begin_rotation((struct op_input){.idempotency_key = STR("once")});
	op_abandon(op, ERR_CANCELLED);
	struct credential c = credential_of("k1", 4);
	c.replay = true;
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_OK);
	cr_assert_eq(op->out.version, 4);
	cr_assert(log_has("\"outcome\":\"granted\",\"abandoned\":\"cancelled\""));
}

/* ---- at the ends ---- */

Test(abandon, one_that_has_not_run_yet_takes_no_step)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op->in = (struct op_input){.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = secret_of("k2", 3)};
	op_abandon(op, ERR_CANCELLED);
	cr_assert_eq(replies, 0);
	op_run(op);
	refused_unasked(op, ERR_CANCELLED);
}

Test(abandon, one_that_failed_before_it_ran_ends_with_its_failure)
{
	struct op *op = new_op(OP_OAUTH_TOKEN);
	op_fail(op, ERR_MALFORMED_MESSAGE, NULL);
	op_abandon(op, ERR_CANCELLED);
	op_run(op);
	refused_unasked(op, ERR_MALFORMED_MESSAGE);
}

Test(abandon, one_that_has_ended_can_not_be_abandoned)
{
	struct op *op = ask_for_a_token(true);
	grant(keyset_current(store.keys));
	op_abandon(op, ERR_CANCELLED);
	answered(op, ERR_OK);
	cr_assert_eq(op->abandoned, ERR_OK);
	cr_assert_not_null(op->out.access_token.p);
	op = ask_for_a_token(true);
	op_abandon(op, ERR_DEADLINE_EXCEEDED);
	op_abandon(op, ERR_CANCELLED);
	answered(op, ERR_DEADLINE_EXCEEDED);
}

Test(abandon, the_first_reason_counts)
{
	struct op *op = ask_for_a_token(false);
	op_abandon(op, ERR_DEADLINE_EXCEEDED);
	store.queued = true; /* so that a second one would end it at once */
	op_abandon(op, ERR_CANCELLED);
	cr_assert_eq(replies, 0);
	fake_issue(&store, ERR_STALE_KEY);
	answered(op, ERR_STALE_KEY);
	cr_assert(log_has("\"abandoned\":\"deadline_exceeded\""));
}

/* ---- an answer that is overdue ---- */

Test(abandon, nothing_is_begun_when_the_answer_is_overdue)
{
	struct op *op = begin_rotation((struct op_input){.grace_seconds = 60});
	fake_clock_advance_us(5000000);
	tell_version(3);
	answered(op, ERR_STORE_UNAVAILABLE);
	cr_assert_eq(store.waiting, FAKE_NONE, "no rotation is sent");
}

Test(abandon, a_token_request_is_due_when_the_request_is)
{
	struct op *op = ask_for_a_token(false);
	cr_assert_eq(store.request->until_us, op->started_us + 5000000);
	fake_clock_advance_us(6000000);
	grant(keyset_current(store.keys));
	answered(op, ERR_OK); /* when its row is there, it has its token, however late */
}
