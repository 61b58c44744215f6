#include "op/rate_limits.h"

#include <criterion/criterion.h>

#include "fakes/fake_clock.h"
#include "op/op_steps.h"
#include "op_test.h"

#define SECOND INT64_C(1000000)
#define HERE   "192.0.2.7"
#define THERE  "198.51.100.9"
#define OTHER  "m2m_000000000000000000000B"

static void open_limits(unsigned client_rate, unsigned client_burst, unsigned address_rate, unsigned address_burst)
{
	rate_limits_close(env.limits);
	config.client_rate = client_rate;
	config.client_burst = client_burst;
	config.address_rate = address_rate;
	config.address_burst = address_burst;
	cr_assert_eq(rate_limits_open(&config, &env.limits), ERR_OK);
}

static void up(void)
{
	op_up();
	open_limits(2, 3, 0, 0);
}

static void down(void)
{
	rate_limits_close(env.limits);
	op_down();
}

TestSuite(rate_limits, .init = up, .fini = down);

/* ---- what a test asks ---- */

struct asked {
	enum op_id id; /* GET_CLIENT_ID, the first: a token all the same */
	const char *from;
	struct str client;
	bool basic, wrong;
	int32_t version; /* of the secret that is sent; 0: 3 */
};

static struct op *present;

static struct op *start(struct asked a)
{
	struct op *op = new_op(a.id == OP_ISSUE_TOKEN ? a.id : OP_OAUTH_TOKEN);
	present = op;
	op->origin.remote_addr = str_of(a.from == NULL ? HERE : a.from);
	op->in = (struct op_input){.grant_type = STR("client_credentials"),
				   .client_id = a.client.p == NULL ? STR(CLIENT) : a.client,
				   .client_secret = secret_of("k2", a.version == 0 ? 3 : a.version),
				   .basic = a.basic};
	if (a.id == OP_ISSUE_TOKEN)
		op->in.bearer = token_from(operator_claims());
	op_run(op);
	return op;
}

static void grant_row(void)
{
	struct issue_request *r = store.request;
	tell_row(r);
	r->lifetime = 60;
	r->key = keyset_current(store.keys);
}

/* Runs it to its end: the store grants it, or finds the credentials wrong. */
static enum err asks(struct asked a)
{
	struct op *op = start(a);
	if (store.waiting == FAKE_ISSUE) {
		grant_row();
		fake_issue(&store, a.wrong ? ERR_INVALID_CLIENT : ERR_OK);
	}
	answered(op, op->err);
	return op->err;
}
#define ASK(...) asks((struct asked){__VA_ARGS__})

static enum err gets_id(const char *from)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op->origin.remote_addr = str_of(from);
	op->in.bearer = STR("nobody's");
	op_run(op);
	return op->err;
}

static void limited_for(const char *seconds)
{
	unsigned calls = store.calls;
	cr_assert_eq(ASK(.from = HERE), ERR_RATE_LIMITED);
	cr_assert_str_eq(present->retry_after, seconds);
	cr_assert_eq(store.calls, calls, "the database isn't asked");
}

static struct rate_limits_counts counts(void)
{
	struct rate_limits_counts c = {0};
	cr_assert(rate_limits_counts(env.limits, &c));
	return c;
}

/* ---- off ---- */

Test(rate_limits, nothing_is_limited_unless_told_to)
{
	struct rate_limits_counts c;
	open_limits(0, 10, 0, 10);
	cr_assert_null(env.limits);
	cr_assert_not(rate_limits_counts(env.limits, &c));
	rate_limits_sweep(env.limits, 0);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(ASK(.from = HERE), ERR_OK);
}

/* ---- a client ---- */

Test(rate_limits, a_client_gets_its_burst_and_then_waits_as_long_as_it_is_told)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ASK(.from = HERE), ERR_OK);
	limited_for("1");
	fake_clock_advance_us(SECOND);
	cr_assert_eq(ASK(.from = HERE), ERR_OK);
	cr_assert_eq(ASK(.from = HERE), ERR_OK);
	limited_for("1");
	cr_assert_eq(counts().by_client, 2);
	cr_assert_eq(counts().by_address, 0);
}

Test(rate_limits, retry_after_is_in_whole_seconds_rounded_up)
{
	open_limits(1, 5, 0, 0);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(ASK(.from = HERE), ERR_OK);
	limited_for("1");
	fake_clock_advance_us(999999);
	limited_for("1");
	fake_clock_advance_us(1);
	cr_assert_eq(ASK(.from = HERE), ERR_OK);
}

Test(rate_limits, clients_do_not_share_a_bucket)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ASK(.from = HERE), ERR_OK);
	limited_for("1");
	cr_assert_eq(ASK(.client = STR(OTHER)), ERR_OK);
}

Test(rate_limits, a_client_s_tokens_count_wherever_it_is_and_however_it_asks)
{
	cr_assert_eq(ASK(.from = "192.0.2.1"), ERR_OK);
	cr_assert_eq(ASK(.id = OP_ISSUE_TOKEN, .from = "2001:db8::1"), ERR_OK);
	cr_assert_eq(ASK(.from = "192.0.2.3", .basic = true), ERR_OK);
	limited_for("1");
	cr_assert_eq(ASK(.id = OP_ISSUE_TOKEN, .from = "2001:db8::1"), ERR_RATE_LIMITED);
}

/* ---- several at once ---- */

static void told(struct op *op, void *transport)
{
	(void)transport;
	cr_assert_eq(op->err, ERR_OK);
}

/* The store has taken it on, and it isn't answered yet; NULL: it was refused. */
static struct op *begin(const char *from, struct issue_request **ret)
{
	struct op *op = op_new(&env, &op_specs[OP_OAUTH_TOKEN], told, NULL);
	op->origin = (struct origin){.transport = 'r', .remote_addr = str_of(from)};
	op->in = (struct op_input){.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = secret_of("k2", 3)};
	op_limit_client(op);
	if (op->err != ERR_OK) {
		op_free(op);
		return NULL;
	}
	size_t issue = 0; /* the last step */
	while (op->spec->steps[issue + 1] != NULL)
		issue++;
	op->step += issue + 1;
	cr_assert_eq((*op->spec->steps[issue])(op), OP_WAIT);
	*ret = store.request;
	store.waiting = FAKE_NONE;
	return op;
}

static void end(struct op *op, struct issue_request *r)
{
	store.waiting = FAKE_ISSUE;
	store.request = r;
	grant_row();
	fake_issue(&store, ERR_OK);
	op_free(op);
}

Test(rate_limits, at_one_address_what_is_under_way_counts_already)
{
	struct op *ops[3];
	struct issue_request *requests[3], *none = NULL;
	for (int i = 0; i < 3; i++)
		cr_assert_not_null(ops[i] = begin(HERE, &requests[i]));
	cr_assert_null(begin(HERE, &none));
	for (int i = 0; i < 3; i++)
		end(ops[i], requests[i]);
}

/* Each address gives a burst before any of its requests has come back. What that was too much is
 * waited for. */
Test(rate_limits, what_several_addresses_got_at_once_is_a_debt)
{
	static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3"};
	struct op *ops[3];
	struct issue_request *requests[3];
	open_limits(1, 1, 0, 0);
	for (int i = 0; i < 3; i++)
		cr_assert_not_null(ops[i] = begin(addresses[i], &requests[i]));
	for (int i = 0; i < 3; i++)
		end(ops[i], requests[i]);
	limited_for("2"); /* the debt is another fill at most */
	fake_clock_advance_us(2 * SECOND);
	cr_assert_eq(ASK(.from = HERE), ERR_OK);
}

/* ---- who is not the client ---- */

Test(rate_limits, whoever_lacks_the_secret_takes_nothing_from_the_client_elsewhere)
{
	for (int i = 0; i < 1000; i++)
		ASK(.from = THERE, .wrong = true);
	cr_assert_eq(ASK(.from = THERE, .wrong = true), ERR_RATE_LIMITED);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ASK(.from = HERE), ERR_OK, "%d", i);
	limited_for("1");
}

Test(rate_limits, guessing_at_one_address_costs_no_look_into_the_database)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ASK(.from = THERE, .wrong = true, .version = 10 + i), ERR_INVALID_CLIENT);
	unsigned calls = store.calls;
	for (int i = 0; i < 100; i++)
		cr_assert_eq(ASK(.from = THERE, .wrong = true, .version = 20 + i), ERR_RATE_LIMITED);
	cr_assert_eq(store.calls, calls);
	cr_assert_eq(store.denied, 3, "a refusal for its rate is none of the audit's");
}

/* A malformed id or secret is refused before anything is kept of it. */
Test(rate_limits, malformed_credentials_take_nothing)
{
	for (int i = 0; i < 50; i++) {
		cr_assert_eq(ASK(.client = STR("nobody")), ERR_INVALID_CLIENT);
		struct op *op = new_op(OP_OAUTH_TOKEN);
		op->in = (struct op_input){
			.grant_type = STR("client_credentials"), .client_id = STR(CLIENT), .client_secret = STR("a guess")};
		op_run(op);
		answered(op, ERR_INVALID_CLIENT);
	}
	cr_assert_eq(ASK(.from = HERE), ERR_OK);
}

Test(rate_limits, a_token_that_was_not_issued_is_not_the_client_s)
{
	static const enum err failures[] = {ERR_INVALID_SCOPE, ERR_STORE_UNAVAILABLE, ERR_KEY_MISSING};
	for (int i = 0; i < 3; i++) {
		start((struct asked){.from = "192.0.2.1", .version = i + 1});
		fake_issue(&store, failures[i]);
	}
	cr_assert_eq(ASK(.from = "192.0.2.1", .version = 9), ERR_RATE_LIMITED);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ASK(.from = HERE), ERR_OK);
}

/* ---- an address ---- */

Test(rate_limits, an_address_s_requests_count_whatever_they_are_for)
{
	open_limits(0, 0, 1, 4);
	cr_assert_eq(gets_id(HERE), ERR_INVALID_TOKEN);
	cr_assert_eq(ASK(.from = HERE), ERR_OK);
	struct op *op = new_op(OP_LIST_ORGANIZATIONS);
	op_run(op);
	cr_assert_eq(op->err, ERR_MISSING_TOKEN);
	op = new_op(OP_GET_CLIENT_ID);
	op_fail(op, ERR_INVALID_REQUEST, "What can't be read counts as well.");
	op_run(op);
	cr_assert_eq(op->err, ERR_INVALID_REQUEST);

	limited_for("1");
	cr_assert_eq(gets_id(HERE), ERR_RATE_LIMITED);
	cr_assert_eq(gets_id(THERE), ERR_INVALID_TOKEN);
	op = new_op(OP_GET_CLIENT_ID);
	op_fail(op, ERR_INVALID_REQUEST, NULL);
	op_run(op);
	cr_assert_eq(op->err, ERR_RATE_LIMITED);
	cr_assert_eq(counts().by_address, 3);
	cr_assert_eq(counts().by_client, 0);
	fake_clock_advance_us(SECOND);
	cr_assert_eq(gets_id(HERE), ERR_INVALID_TOKEN);
	cr_assert_eq(gets_id(HERE), ERR_RATE_LIMITED);
}

Test(rate_limits, what_leads_nowhere_counts)
{
	open_limits(0, 0, 1, 1);
	for (int i = 0; i < 2; i++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		op->spec = NULL;
		op_fail(op, ERR_NOT_FOUND, NULL);
		op_run(op);
		cr_assert_eq(op->err, i == 0 ? ERR_NOT_FOUND : ERR_RATE_LIMITED);
	}
}

/* Verifiers must be able to fetch the keys, whoever shares their address. */
Test(rate_limits, documents_for_anyone_are_not_limited)
{
	open_limits(1, 1, 1, 1);
	gets_id(HERE);
	for (int i = 0; i < 10; i++) {
		struct op *op = new_op(OP_JWKS);
		op_run(op);
		cr_assert_eq(op->err, ERR_OK);
	}
	cr_assert_eq(gets_id(HERE), ERR_RATE_LIMITED);
}

Test(rate_limits, an_ipv6_address_counts_as_its_64)
{
	open_limits(0, 0, 1, 2);
	cr_assert_eq(gets_id("2001:db8:0:1::1"), ERR_INVALID_TOKEN);
	cr_assert_eq(gets_id("2001:db8:0:1:ffff::2"), ERR_INVALID_TOKEN);
	cr_assert_eq(gets_id("2001:db8:0:1::3"), ERR_RATE_LIMITED);
	cr_assert_eq(gets_id("2001:db8:0:2::1"), ERR_INVALID_TOKEN);
	cr_assert_eq(gets_id("::ffff:192.0.2.1"), ERR_INVALID_TOKEN);
	cr_assert_eq(gets_id("::ffff:192.0.2.2"), ERR_INVALID_TOKEN);
	cr_assert_eq(gets_id("::ffff:192.0.2.3"), ERR_INVALID_TOKEN);
}

/* ---- a stock client that tries the other place ---- */

Test(rate_limits, basic_and_then_the_body_counts_once)
{
	open_limits(1, 4, 1, 4);
	for (int i = 0; i < 4; i++) {
		cr_assert_eq(ASK(.basic = true, .wrong = true), ERR_INVALID_CLIENT, "%d", i);
		cr_assert_eq(ASK(.basic = false, .wrong = true), ERR_INVALID_CLIENT, "%d", i);
	}
	cr_assert_eq(ASK(.basic = true), ERR_RATE_LIMITED);
	cr_assert_eq(ASK(.basic = false), ERR_RATE_LIMITED, "what was refused here excuses nothing");
	cr_assert_eq(store.denied, 8, "a refusal is recorded as it is");
}

Test(rate_limits, the_body_and_then_basic_counts_once)
{
	open_limits(1, 2, 1, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(ASK(.basic = false, .wrong = true), ERR_INVALID_CLIENT);
		cr_assert_eq(ASK(.basic = true), ERR_OK);
	}
	cr_assert_eq(ASK(.basic = true), ERR_RATE_LIMITED);
}

Test(rate_limits, a_repeat_is_excused_also_where_the_bucket_is_empty_by_now)
{
	open_limits(0, 0, 1, 2);
	cr_assert_eq(ASK(.basic = true, .wrong = true), ERR_INVALID_CLIENT);
	gets_id(HERE);
	cr_assert_eq(gets_id(HERE), ERR_RATE_LIMITED);
	cr_assert_eq(ASK(.basic = false), ERR_OK);
	cr_assert_eq(ASK(.basic = false), ERR_RATE_LIMITED);
}

Test(rate_limits, each_refusal_excuses_one_request)
{
	open_limits(0, 0, 1, 2);
	cr_assert_eq(ASK(.basic = true, .wrong = true), ERR_INVALID_CLIENT);  /* takes one */
	cr_assert_eq(ASK(.basic = false, .wrong = true), ERR_INVALID_CLIENT); /* its repeat */
	/* takes one: a repeat excuses none */
	cr_assert_eq(ASK(.basic = true, .wrong = true), ERR_INVALID_CLIENT);
	cr_assert_eq(ASK(.basic = false, .wrong = true), ERR_INVALID_CLIENT); /* its repeat */
	cr_assert_eq(ASK(.basic = false, .wrong = true), ERR_RATE_LIMITED);
}

/* The same place, another secret, another client, another address, or later: no repeat. */
Test(rate_limits, what_is_not_the_same_request_in_the_other_place_counts)
{
	static const struct asked others[] = {{.basic = true, .wrong = true},
					      {.wrong = true, .version = 4},
					      {.wrong = true, .client = STR(OTHER)},
					      {.wrong = true, .from = "192.0.2.8"}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		open_limits(0, 0, 1, 1);
		cr_assert_eq(ASK(.basic = true, .wrong = true), ERR_INVALID_CLIENT);
		enum err err = asks(others[i]);
		cr_assert_eq(err, others[i].from == NULL ? ERR_RATE_LIMITED : ERR_INVALID_CLIENT, "%zu", i);
		if (others[i].from != NULL)
			cr_assert_eq(gets_id(others[i].from), ERR_RATE_LIMITED);
	}
	open_limits(0, 0, 1, 5);
	for (int i = 0; i < 5; i++)
		cr_assert_eq(ASK(.basic = true, .wrong = true, .version = i + 1), ERR_INVALID_CLIENT);
	fake_clock_advance_us(5 * SECOND - 1);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(ASK(.wrong = true, .version = i + 1), ERR_INVALID_CLIENT, "%d", i);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(gets_id(HERE), ERR_INVALID_TOKEN);
	fake_clock_advance_us(1);
	cr_assert_eq(ASK(.wrong = true, .version = 5), ERR_INVALID_CLIENT);
	cr_assert_eq(gets_id(HERE), ERR_RATE_LIMITED);
}

Test(rate_limits, a_granted_request_excuses_none)
{
	open_limits(0, 0, 1, 1);
	cr_assert_eq(ASK(.basic = true), ERR_OK);
	cr_assert_eq(ASK(.basic = false), ERR_RATE_LIMITED);
}
