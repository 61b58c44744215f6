#include <criterion/criterion.h>

#include "op/op_input.h"
#include "op_test.h"

TestSuite(op_input, .init = op_up, .fini = op_down);

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static void refused(const struct op *op, enum err err, const char *detail)
{
	cr_assert_eq(op->err, err, "%s", err_info(op->err)->code);
	if (detail == NULL)
		cr_assert_null(op->err_detail);
	else
		cr_assert_str_eq(op->err_detail, detail);
}

/* ---- origin ---- */

Test(op_input, the_origin_is_copied)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	char address[] = "2001:db8::1";
	char agent[] = "curl/8.0";
	char parent[] = TRACEPARENT;
	op_set_origin(op, 'g', str_of(address), str_of(agent), str_of(parent));
	memset(address, 'x', sizeof address - 1);
	memset(agent, 'x', sizeof agent - 1);
	memset(parent, 'x', sizeof parent - 1);
	cr_assert_eq(op->origin.transport, 'g');
	cr_assert(str_eq(op->origin.remote_addr, STR("2001:db8::1")));
	cr_assert(str_eq(op->origin.user_agent, STR("curl/8.0")));
	cr_assert(str_eq(op->origin.traceparent, STR(TRACEPARENT)));
}

Test(op_input, what_the_origin_lacks_is_absent)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op_set_origin(op, 'r', STR_NONE, STR_NONE, STR_NONE);
	cr_assert_null(op->origin.remote_addr.p);
	cr_assert_null(op->origin.user_agent.p);
	cr_assert_null(op->origin.traceparent.p);
}

Test(op_input, a_user_agent_is_cut_and_made_printable)
{
	static char text[300];
	struct op *op = new_op(OP_GET_CLIENT_ID);
	memset(text, 'a', sizeof text);
	op_set_origin(op, 'r', STR_NONE, str_from(text, sizeof text), STR_NONE);
	cr_assert_eq(op->origin.user_agent.n, 256);
	op_set_origin(op, 'r', STR_NONE, STR("a\n\x7f\0caf\xc3\xa9 ~"), STR_NONE);
	cr_assert(str_eq(op->origin.user_agent, STR("a???caf?? ~")), "%.*s", STR_ARG(op->origin.user_agent));
}

Test(op_input, an_odd_traceparent_is_dropped)
{
	static const char *const odd[] = {
		"",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
		"00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
	};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		op_set_origin(op, 'r', STR_NONE, STR_NONE, str_of(odd[i]));
		cr_assert_null(op->origin.traceparent.p, "%s", odd[i]);
		cr_assert_eq(op->err, ERR_OK);
	}
}

/* ---- the bearer ---- */

Test(op_input, a_scheme_is_taken_off_in_any_case)
{
	struct str value = STR("bEARER   token ");
	cr_assert(op_take_scheme(&value, STR("Bearer")));
	cr_assert(str_eq(value, STR("token")));
	value = STR("Bearer ");
	cr_assert(op_take_scheme(&value, STR("Bearer")));
	cr_assert_eq(value.n, 0);
}

Test(op_input, another_scheme_is_left_as_it_is)
{
	static const struct str others[] = {{"Basic dTpw", 10}, {"Bearer", 6}, {"Bearertoken", 11}, {"Bear", 4}, {"", 0}, {NULL, 0}};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		struct str value = others[i];
		cr_assert_not(op_take_scheme(&value, STR("Bearer")));
		cr_assert(str_eq(value, others[i]));
	}
}

Test(op_input, one_bearer_is_taken)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	char text[] = "Bearer abc";
	op_set_bearer(op, 1, str_of(text));
	memset(text, 'x', sizeof text - 1);
	cr_assert(str_eq(op->in.bearer, STR("abc")));
	cr_assert_eq(op->err, ERR_OK);
}

/* RFC 9449 section 7.1 */
Test(op_input, a_bearer_may_have_the_scheme_dpop)
{
	static const char *const values[] = {"DPoP abc", "dpop  abc"};
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		op_set_bearer(op, 1, str_of(values[i]));
		cr_assert(str_eq(op->in.bearer, STR("abc")) && op->in.dpop_scheme);
	}
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op_set_bearer(op, 1, STR("Bearer DPoP"));
	cr_assert(str_eq(op->in.bearer, STR("DPoP")) && !op->in.dpop_scheme);
}

/* op_authenticate refuses it, after what stands before it in the steps. */
Test(op_input, no_authorization_is_no_error_yet)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op_set_bearer(op, 0, STR_NONE);
	cr_assert_null(op->in.bearer.p);
	cr_assert_eq(op->err, ERR_OK);
}

Test(op_input, two_authorizations_are_refused_whatever_they_say)
{
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op_set_bearer(op, 2, STR("Bearer abc"));
	refused(op, ERR_INVALID_REQUEST, "There is more than one Authorization header.");
	cr_assert_null(op->in.bearer.p);
}

Test(op_input, an_authorization_without_a_bearer_token_is_a_missing_token)
{
	static const char *const odd[] = {"Basic dTpw", "Bearer", "Bearer  ", "abc", ""};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct op *op = new_op(OP_GET_CLIENT_ID);
		op_set_bearer(op, 1, str_of(odd[i]));
		refused(op, ERR_MISSING_TOKEN, NULL);
		cr_assert_null(op->in.bearer.p);
	}
}

/* ---- rotation ---- */

Test(op_input, an_idempotency_key_is_1_to_255_visible_characters)
{
	static char text[256];
	struct op *op = new_op(OP_ROTATE_SECRET);
	memset(text, '~', sizeof text);
	op_set_idempotency_key(op, 0, STR_NONE);
	cr_assert_null(op->in.idempotency_key.p);
	op_set_idempotency_key(op, 1, STR("!"));
	cr_assert(str_eq(op->in.idempotency_key, STR("!")));
	op_set_idempotency_key(op, 1, str_from(text, 255));
	cr_assert(str_eq(op->in.idempotency_key, str_from(text, 255)));
	cr_assert_eq(op->err, ERR_OK);

	const struct {
		unsigned count;
		struct str value;
	} odd[] = {{1, STR("")},    {1, str_from(text, 256)}, {2, STR("a")},          {1, STR("a b")},
		   {1, STR("a\t")}, {1, STR("a\x7f")},        {1, STR("caf\xc3\xa9")}};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		op = new_op(OP_ROTATE_SECRET);
		op_set_idempotency_key(op, odd[i].count, odd[i].value);
		refused(op, ERR_INVALID_REQUEST, "The Idempotency-Key must be one value of 1 to 255 visible ASCII characters.");
		cr_assert_null(op->in.idempotency_key.p);
	}
}

Test(op_input, grace_is_none_to_a_week)
{
	static const int64_t good[] = {0, 1, 604800};
	static const int64_t odd[] = {-1, 604801, INT64_C(1) << 32, INT64_MIN, INT64_MAX};
	struct op *op = new_op(OP_ROTATE_SECRET);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		op_set_grace(op, good[i]);
		cr_assert_eq(op->in.grace_seconds, good[i]);
		cr_assert_eq(op->err, ERR_OK);
	}
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		op = new_op(OP_ROTATE_SECRET);
		op_set_grace(op, odd[i]);
		refused(op, ERR_INVALID_REQUEST, "grace_seconds must be an integer from 0 to 604800.");
		cr_assert_eq(op->in.grace_seconds, 0);
	}
}

/* ---- names that the client chose ---- */

Test(op_input, a_strange_name_is_shown_in_ascii_and_cut)
{
	static const struct {
		const char *name, *sentence;
	} cases[] = {
		{"graceSeconds", "No graceSeconds here."},
		{"", "No '' here."},
		{"a b\n", "No a%20b%0A here."},
		{"a\"\\%", "No a%22%5C%25 here."},
		{"\x1b[2J\xc2\x9b\xe2\x80\xae", "No %1B[2J%C2%9B%E2%80%AE here."},
		{"1234567890123456789012345678901234567890123456789012345678901234",
		 "No 1234567890123456789012345678901234567890123456789012345678901234 here."},
		{"12345678901234567890123456789012345678901234567890123456789012345",
		 "No 1234567890123456789012345678901234567890123456789012345678901234... here."},
		{"12345678901234567890123456789012345678901234567890123456789012\xc3\xa4",
		 "No 12345678901234567890123456789012345678901234567890123456789012... here."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct op *op = new_op(OP_ROTATE_SECRET);
		op_refuse_name(op, "No ", str_of(cases[i].name), " here.");
		refused(op, ERR_INVALID_REQUEST, cases[i].sentence);
	}
}
