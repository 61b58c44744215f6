/* What reaches an op's input from request messages that no wire ever carried. */
#include <criterion/criterion.h>

#include "grpc/grpc_decode.h"
#include "grpc/pb_check.h"
#include "m2m/v1/m2m.pb-c.h"

static struct op *op;

static void make(enum op_id id)
{
	static struct op_env env;
	op = op_new(&env, &op_specs[id], NULL, NULL);
	cr_assert_not_null(op);
}

static void down(void)
{
	op_free(op);
}

TestSuite(grpc_decode, .fini = down);

/* The bytes are gone before anybody looks at the input: it must not borrow from them. */
static void decode(enum op_id id, struct str message)
{
	op_free(op);
	make(id);
	char *bytes = malloc(message.n + 1);
	cr_assert_not_null(bytes);
	memcpy(bytes, message.p, message.n);
	grpc_decode(op, str_from(bytes, message.n));
	free(bytes);
}

static void is(struct str got, struct str want)
{
	cr_assert(str_eq(got, want), "'%.*s', not '%.*s'", STR_ARG(got), STR_ARG(want));
}

static void refused(enum op_id id, struct str message, enum err want)
{
	decode(id, message);
	cr_assert_eq(op->err, want, "%s", err_info(op->err)->code);
	is(op->in.client_secret, STR_NONE);
	cr_assert_eq(op->in.grace_seconds, 0);
}

Test(grpc_find_op, finds_the_operations_of_the_service)
{
	cr_assert_eq(grpc_find_op(STR("/m2m.v1.M2MClients/GetClientId")), &op_specs[OP_GET_CLIENT_ID]);
	cr_assert_eq(grpc_find_op(STR("/m2m.v1.M2MClients/GetClientSecret")), &op_specs[OP_GET_CLIENT_SECRET]);
	cr_assert_eq(grpc_find_op(STR("/m2m.v1.M2MClients/IssueToken")), &op_specs[OP_ISSUE_TOKEN]);
	cr_assert_eq(grpc_find_op(STR("/m2m.v1.M2MClients/RotateClientSecret")), &op_specs[OP_ROTATE_SECRET]);
	cr_assert_eq(grpc_find_op(STR("/m2m.v1.M2MClients/IntrospectToken")), &op_specs[OP_INTROSPECT_TOKEN]);
	cr_assert_eq(grpc_find_op(STR("/m2m.v1.M2MClients/RevokeToken")), &op_specs[OP_REVOKE_TOKEN]);
}

Test(grpc_find_op, finds_nothing_else)
{
	static const struct str paths[] = {
		STR(""),
		STR("/"),
		STR("/m2m.v1.M2MClients"),
		STR("/m2m.v1.M2MClients/"),
		STR("/m2m.v1.M2MClients/issueToken"),
		STR("/m2m.v1.M2MClients/IssueToken/"),
		STR("/m2m.v1.M2MClients//IssueToken"),
		STR("/m2m.v1.M2MClients/IssueToken\0"),
		STR("/m2m.v2.M2MClients/IssueToken"),
		STR("m2m.v1.M2MClients/IssueToken"),
		STR("/m2m/token"),
		{NULL, 0},
	};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		cr_assert_null(grpc_find_op(paths[i]), "%.*s", STR_ARG(paths[i]));
}

Test(grpc_find_op, the_names_are_those_of_the_contract)
{
	const ProtobufCMessageDescriptor *const requests[] = {
		&m2m__v1__get_client_id_request__descriptor, &m2m__v1__get_client_secret_request__descriptor,
		&m2m__v1__issue_token_request__descriptor, &m2m__v1__rotate_client_secret_request__descriptor};
	unsigned found = 0;
	for (size_t i = 0; i < OP_COUNT; i++) {
		for (size_t k = 0; op_specs[i].grpc != NULL && k < sizeof requests / sizeof *requests; k++) {
			size_t n = strlen(op_specs[i].grpc);
			found += strncmp(requests[k]->short_name, op_specs[i].grpc, n) == 0 &&
				 strcmp(requests[k]->short_name + n, "Request") == 0;
		}
	}
	cr_assert_eq(found, 4);
}

Test(grpc_decode, a_grant)
{
	M2m__V1__IssueTokenRequest m = M2M__V1__ISSUE_TOKEN_REQUEST__INIT;
	char grant_type[] = "client_credentials", client_id[] = "m2m_x", client_secret[] = "m2ms_y", scope[] = "api read",
	     audience[] = "https://\xc3\xa9.example";
	m.grant_type = grant_type;
	m.client_id = client_id;
	m.client_secret = client_secret;
	m.scope = scope;
	m.audience = audience;
	uint8_t bytes[256];
	size_t n = m2m__v1__issue_token_request__pack(&m, bytes);
	decode(OP_ISSUE_TOKEN, str_from(bytes, n));
	cr_assert_eq(op->err, ERR_OK);
	is(op->in.grant_type, STR("client_credentials"));
	is(op->in.client_id, STR("m2m_x"));
	is(op->in.client_secret, STR("m2ms_y"));
	is(op->in.scope, STR("api read"));
	is(op->in.audience, STR("https://\xc3\xa9.example"));
}

Test(grpc_decode, an_assertion_in_each_message_that_a_client_authenticates_in)
{
	decode(OP_ISSUE_TOKEN, STR("\x3a\x01"
				   "a"
				   "\x42\x01"
				   "t"));
	is(op->in.client_assertion, STR("a"));
	is(op->in.client_assertion_type, STR("t"));
	decode(OP_INTROSPECT_TOKEN, STR("\x2a\x01"
					"a"
					"\x32\x01"
					"t"));
	is(op->in.client_assertion, STR("a"));
	is(op->in.client_assertion_type, STR("t"));
	decode(OP_REVOKE_TOKEN, STR("\x2a\x01"
				    "a"));
	is(op->in.client_assertion, STR("a"));
	is(op->in.client_assertion_type, STR_NONE);
}

/* Whether a parameter is missing is for the operation to say, in the same words as over REST. */
Test(grpc_decode, an_empty_message_gives_no_parameter)
{
	decode(OP_ISSUE_TOKEN, STR(""));
	cr_assert_eq(op->err, ERR_OK);
	is(op->in.grant_type, STR_NONE);
	is(op->in.client_id, STR_NONE);
	is(op->in.client_secret, STR_NONE);
	is(op->in.scope, STR_NONE);
	is(op->in.audience, STR_NONE);
}

Test(grpc_decode, an_empty_string_is_an_absent_parameter)
{
	decode(OP_ISSUE_TOKEN, STR("\x22\x00\x2a\x00\x0a\x01g"));
	cr_assert_eq(op->err, ERR_OK);
	is(op->in.grant_type, STR("g"));
	is(op->in.scope, STR_NONE);
	is(op->in.audience, STR_NONE);
}

Test(grpc_decode, the_last_of_a_repeated_field_counts)
{
	decode(OP_ISSUE_TOKEN, STR("\x12\x01x\x0a\x01g\x12\x02yz\x22\x01s\x22\x00"));
	cr_assert_eq(op->err, ERR_OK);
	is(op->in.client_id, STR("yz"));
	is(op->in.grant_type, STR("g"));
	is(op->in.scope, STR_NONE);
	decode(OP_ROTATE_SECRET, STR("\x08\x3c\x08\x05"));
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->in.grace_seconds, 5);
}

#define UNKNOWN_15 "\x78\x96\x01\x7a\x02\x00\xff\x79\x01\x02\x03\x04\x05\x06\x07\x08\x7d\x01\x02\x03\x04"

Test(grpc_decode, unknown_fields_are_ignored_where_nothing_depends_on_them)
{
	static const enum op_id ids[] = {OP_GET_CLIENT_ID, OP_GET_CLIENT_SECRET, OP_ISSUE_TOKEN};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		decode(ids[i], STR(UNKNOWN_15));
		cr_assert_eq(op->err, ERR_OK, "%s", op->spec->name);
	}
}

/* A grace under another number ends the old secret at once; a filter under another one widens
 * the list. */
Test(grpc_decode, a_rotation_may_revoke_tokens)
{
	decode(OP_ROTATE_SECRET, STR("\x08\x3c\x10\x01"));
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->in.grace_seconds, 60);
	cr_assert(op->in.revoke_tokens);
	decode(OP_ROTATE_SECRET, STR("\x08\x3c"));
	cr_assert_not(op->in.revoke_tokens);
}

Test(grpc_decode, a_token_is_shown_with_or_without_a_client)
{
	static const enum op_id ids[] = {OP_INTROSPECT_TOKEN, OP_REVOKE_TOKEN};
	for (size_t i = 0; i < 2; i++) {
		decode(ids[i], STR("\x0a\x01t\x12\x01h\x1a\x01i\x22\x01s"));
		is(op->in.token, STR("t"));
		is(op->in.client_id, STR("i"));
		is(op->in.client_secret, STR("s"));
		decode(ids[i], STR("\x0a\x01t"));
		is(op->in.client_id, STR_NONE);
	}
}

Test(grpc_decode, an_unknown_field_of_a_rotation_or_a_search_is_refused_by_its_number)
{
	static const struct {
		enum op_id id;
		struct str message;
		const char *number;
	} cases[] = {
		{OP_ROTATE_SECRET, STR("\x38\x90\x1c"), "field 7 "},
		{OP_ROTATE_SECRET, STR("\x08\x3c\x38\x3c"), "field 7 "},
		{OP_ROTATE_SECRET, STR(UNKNOWN_15), "field 15 "},
		{OP_ROTATE_SECRET, STR("\xf8\xff\xff\xff\x0f\x01"), "field 536870911 "},
		{OP_LIST_TOKEN_AUDIT, STR("\x5a\x01x"), "field 11 "},
		{OP_PROLONG_ROTATION, STR("\x18\x01"), "field 3 "},
		{OP_CANCEL_ROTATION, STR("\x10\x01"), "field 2 "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		refused(cases[i].id, cases[i].message, ERR_INVALID_REQUEST);
		cr_assert_not_null(strstr(op->err_detail, cases[i].number), "%s", op->err_detail);
	}
}

Test(grpc_decode, bytes_that_are_no_message_are_refused)
{
	static const enum op_id ids[] = {OP_GET_CLIENT_ID, OP_GET_CLIENT_SECRET, OP_ISSUE_TOKEN, OP_ROTATE_SECRET};
	static const struct str messages[] = {STR("\x00\x01"), STR("\x78\x96"), STR("\x7a\x05x"), STR("\x3b\x3c"),
					      STR("\x3e"),     STR("\x3f"),     STR("\xff")};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		for (size_t k = 0; k < sizeof messages / sizeof *messages; k++)
			refused(ids[i], messages[k], ERR_MALFORMED_MESSAGE);
}

/* protobuf-c would end the string at the NUL, and m2ms_y pass for a secret. */
Test(grpc_decode, a_string_with_nul_is_refused_not_cut)
{
	refused(OP_ISSUE_TOKEN, STR("\x1a\x08m2ms_y\0z"), ERR_MALFORMED_MESSAGE);
	refused(OP_ISSUE_TOKEN, STR("\x1a\x01\0"), ERR_MALFORMED_MESSAGE);
}

Test(grpc_decode, a_string_that_is_not_utf8_is_refused)
{
	refused(OP_ISSUE_TOKEN, STR("\x1a\x02\xc3("), ERR_MALFORMED_MESSAGE);
}

Test(grpc_decode, a_known_field_of_another_wire_type_is_refused)
{
	refused(OP_ISSUE_TOKEN, STR("\x18\x01"), ERR_MALFORMED_MESSAGE);
	refused(OP_ROTATE_SECRET, STR("\x0a\x01\x05"), ERR_MALFORMED_MESSAGE);
}

/* protobuf-c would take a hundred bytes of memory for each of two. */
Test(grpc_decode, thousands_of_unknown_fields_cost_nothing)
{
	static char message[16000];
	for (size_t i = 0; i < sizeof message; i += 2)
		memcpy(message + i, "\x78\x01", 2);
	refused(OP_ISSUE_TOKEN, str_from(message, sizeof message), ERR_BODY_TOO_LARGE);
	cr_assert_lt(arena_used(op->arena), sizeof(struct op) + 64, "what the op itself takes");
}

Test(grpc_decode, the_largest_message_fits_into_an_op)
{
	static char message[16 * 1024];
	size_t n = 0;
	for (unsigned i = 0; i < PB_FIELDS_MAX - 1;
	     /* small unknown ones, which cost most for their length, then one that fills it up */
	     i++) {
		memcpy(message + n, "\x7a\x00", 2);
		n += 2;
	}
	size_t left = sizeof message - n - 4;
	message[n] = 0x2a;
	message[n + 1] = (char)(0x80 | (left & 0x7f));
	message[n + 2] = (char)(0x80 | (left >> 7 & 0x7f));
	message[n + 3] = (char)(left >> 14);
	memset(message + n + 4, 'a', left);
	decode(OP_ISSUE_TOKEN, str_from(message, sizeof message));
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->in.audience.n, left);
	cr_assert_lt(arena_used(op->arena), 26 * 1024, "%zu", arena_used(op->arena));
}

Test(grpc_decode, memory_that_is_out_is_told_from_a_bad_message)
{
	make(OP_ISSUE_TOKEN);
	while (!arena_overflowed(op->arena))
		arena_alloc(op->arena, 1024);
	grpc_decode(op, STR("\x0a\x01g"));
	cr_assert_eq(op->err, ERR_NO_MEMORY);
}

Test(grpc_decode, grace_is_what_rest_takes_too)
{
	decode(OP_ROTATE_SECRET, STR(""));
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->in.grace_seconds, 0);
	decode(OP_ROTATE_SECRET, STR("\x08\x80\xf5\x24"));
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->in.grace_seconds, 604800);
	refused(OP_ROTATE_SECRET, STR("\x08\x81\xf5\x24"), ERR_INVALID_REQUEST);
	refused(OP_ROTATE_SECRET, STR("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), ERR_INVALID_REQUEST);
	refused(OP_ROTATE_SECRET, STR("\x08\xff\xff\xff\xff\x07"), ERR_INVALID_REQUEST);
}

Test(grpc_decode, the_first_failure_stays)
{
	make(OP_ISSUE_TOKEN);
	op_fail(op, ERR_MISSING_TOKEN, NULL);
	grpc_decode(op, STR("\xff"));
	cr_assert_eq(op->err, ERR_MISSING_TOKEN);
}

#ifndef M2M_ARENA_SEPARATE
/* Only a block that is kept can be looked at after a reset. */
Test(grpc_decode, a_secret_is_wiped_with_the_op)
{
	decode(OP_ISSUE_TOKEN, STR("\x1a\x06m2ms_y"));
	const char *secret = op->in.client_secret.p;
	arena_reset(op->arena);
	cr_assert_neq(memcmp(secret, "m2ms_y", 6), 0);
}
#endif
