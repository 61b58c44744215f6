#include <criterion/criterion.h>

#include "crypto/digest.h"
#include "grpc/grpc_metadata.h"

#define TRACEPARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static struct op_env env;
static const struct proxies proxies = {.form = FORWARDED_RFC7239};
static const struct remote remote = {.is_proxy = true, .text = "192.0.2.7"};
static struct arena *arena;
static struct grpc_metadata metadata;
static struct op *op;

static void no_reply(struct op *ended, void *transport)
{
	cr_assert(ended == NULL && transport == NULL, "nothing here runs an op");
}

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(64 * 1024);
	cr_assert_not_null(arena);
	grpc_metadata_init(&metadata, &proxies, &remote);
}

static void down(void)
{
	op_free(op);
	arena_free(arena);
	crypto_fini();
}

TestSuite(grpc_metadata, .init = up, .fini = down);

static void add(struct str name, struct str value)
{
	grpc_metadata_add(&metadata, arena, name, value);
}

/* A field of so many bytes as RFC 9113 counts them. */
static void add_sized(size_t size)
{
	const char *name = "x-filler";
	size_t n = size - strlen(name) - 32;
	char *value = arena_alloc(arena, n);
	cr_assert_not_null(value);
	memset(value, 'v', n);
	add(str_of(name), str_from(value, n));
}

static struct op *applied_to(const struct op_spec *spec)
{
	op_free(op);
	op = op_new(&env, spec, no_reply, NULL);
	cr_assert_not_null(op);
	grpc_metadata_apply(&metadata, op);
	return op;
}

static void is(struct str got, struct str want)
{
	cr_assert(str_eq(got, want), "'%.*s', not '%.*s'", STR_ARG(got), STR_ARG(want));
}

Test(grpc_metadata, keeps_what_a_call_is_made_of)
{
	add(STR(":method"), STR("POST"));
	add(STR(":path"), STR("/m2m.v1.M2MClients/GetClientId"));
	add(STR("content-type"), STR("application/grpc"));
	add(STR("grpc-encoding"), STR("gzip"));
	add(STR("grpc-accept-encoding"), STR("identity, gzip"));
	add(STR("grpc-timeout"), STR("1S"));
	add(STR("authorization"), STR("Bearer t"));
	add(STR("x-request-id"), STR("r-1"));
	add(STR("traceparent"), STR(TRACEPARENT));
	add(STR("idempotency-key"), STR("i-1"));
	add(STR("user-agent"), STR("grpc-c/1"));
	is(metadata.method, STR("POST"));
	is(metadata.path, STR("/m2m.v1.M2MClients/GetClientId"));
	is(metadata.content_type, STR("application/grpc"));
	is(metadata.encoding, STR("gzip"));
	is(metadata.accept_encoding, STR("identity, gzip"));
	is(metadata.timeout, STR("1S"));
	is(metadata.authorization.value, STR("Bearer t"));
	is(metadata.request_id.value, STR("r-1"));
	is(metadata.traceparent.value, STR(TRACEPARENT));
	is(metadata.idempotency_key.value, STR("i-1"));
	is(metadata.user_agent.value, STR("grpc-c/1"));
	cr_assert_eq(metadata.authorization.count, 1);
}

Test(grpc_metadata, values_are_copies)
{
	char value[] = "application/grpc";
	add(STR("content-type"), str_of(value));
	memset(value, 'x', sizeof value - 1);
	is(metadata.content_type, STR("application/grpc"));
}

Test(grpc_metadata, the_first_value_stays_and_the_others_are_counted)
{
	add(STR("authorization"), STR(""));
	add(STR("authorization"), STR("Bearer b"));
	add(STR("content-type"), STR("application/grpc"));
	add(STR("content-type"), STR("text/html"));
	is(metadata.authorization.value, STR(""));
	cr_assert_eq(metadata.authorization.count, 2);
	is(metadata.content_type, STR("application/grpc"));
}

Test(grpc_metadata, names_that_nobody_asks_for_cost_no_memory)
{
	size_t before = arena_used(arena);
	add(STR("te"), STR("trailers"));
	add(STR("authorization-bin"), STR("AAAA"));
	add(STR("x-request-id-bin"), STR("AAAA"));
	add(STR("x-authorization"), STR("Bearer x"));
	cr_assert_eq(arena_used(arena), before);
	cr_assert_eq(metadata.authorization.count, 0);
	cr_assert_eq(metadata.request_id.count, 0);
}

Test(grpc_metadata, every_field_counts_its_bytes_and_32)
{
	add(STR("te"), STR("trailers"));
	cr_assert_eq(metadata.size, 2 + 8 + 32);
	add(STR(":path"), STR("/"));
	cr_assert_eq(metadata.size, 2 + 8 + 32 + 5 + 1 + 32);
}

Test(grpc_metadata, a_list_of_exactly_the_limit_is_taken)
{
	struct str name = STR("user-agent"), value = STR("a");
	add_sized(GRPC_HEADER_LIST_MAX - (name.n + value.n + 32));
	add(name, value);
	cr_assert_eq(metadata.size, 16384);
	cr_assert_not(grpc_metadata_too_large(&metadata));
	is(metadata.user_agent.value, value);
}

Test(grpc_metadata, one_byte_more_is_too_large_and_not_kept)
{
	struct str name = STR("user-agent"), value = STR("ab");
	add_sized(GRPC_HEADER_LIST_MAX - (name.n + value.n + 32) + 1);
	cr_assert_not(grpc_metadata_too_large(&metadata));
	add(name, value);
	cr_assert_eq(metadata.size, 16385);
	cr_assert(grpc_metadata_too_large(&metadata));
	is(metadata.user_agent.value, STR_NONE);
	add(STR(":path"), STR("/"));
	is(metadata.path, STR_NONE);
	add(STR("x-request-id"), STR("found-by-this"));
	is(metadata.request_id.value, STR("found-by-this"));
}

Test(grpc_metadata, the_origin_is_recorded_as_grpc)
{
	add(STR("user-agent"), STR("grpc-c/1"));
	add(STR("traceparent"), STR(TRACEPARENT));
	add(STR("x-request-id"), STR("r-1"));
	applied_to(&op_specs[OP_GET_CLIENT_ID]);
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->origin.transport, 'g');
	is(op->origin.remote_addr, STR("192.0.2.7"));
	is(op->origin.user_agent, STR("grpc-c/1"));
	is(op->origin.traceparent, STR(TRACEPARENT));
	is(op->request_id, STR("r-1"));
}

Test(grpc_metadata, a_repeated_request_id_or_traceparent_is_none)
{
	add(STR("x-request-id"), STR("r-1"));
	add(STR("x-request-id"), STR("r-1"));
	add(STR("traceparent"), STR(TRACEPARENT));
	add(STR("traceparent"), STR(TRACEPARENT));
	applied_to(&op_specs[OP_GET_CLIENT_ID]);
	cr_assert_eq(op->err, ERR_OK);
	cr_assert_eq(op->request_id.n, 36, "a UUID of our own");
	is(op->origin.traceparent, STR_NONE);
}

Test(grpc_metadata, the_bearer_is_set_for_members_and_admins)
{
	add(STR("authorization"), STR("Bearer t.o.k"));
	is(applied_to(&op_specs[OP_GET_CLIENT_ID])->in.bearer, STR("t.o.k"));
	is(applied_to(&op_specs[OP_GET_CLIENT_SECRET])->in.bearer, STR("t.o.k"));
	is(applied_to(&op_specs[OP_ISSUE_TOKEN])->in.bearer, STR("t.o.k"));
	is(applied_to(&op_specs[OP_ROTATE_SECRET])->in.bearer, STR("t.o.k"));
	is(applied_to(&op_specs[OP_JWKS])->in.bearer, STR_NONE);
	is(applied_to(&op_specs[OP_OAUTH_TOKEN])->in.bearer, STR_NONE);
}

Test(grpc_metadata, no_authorization_is_left_for_the_operation_to_refuse)
{
	cr_assert_eq(applied_to(&op_specs[OP_GET_CLIENT_ID])->err, ERR_OK);
	is(op->in.bearer, STR_NONE);
}

Test(grpc_metadata, two_bearers_fail_the_op)
{
	add(STR("authorization"), STR("Bearer a"));
	add(STR("authorization"), STR("Bearer b"));
	cr_assert_eq(applied_to(&op_specs[OP_ROTATE_SECRET])->err, ERR_INVALID_REQUEST);
	is(op->in.bearer, STR_NONE);
}

Test(grpc_metadata, another_scheme_is_a_missing_token)
{
	add(STR("authorization"), STR("Basic YTpi"));
	cr_assert_eq(applied_to(&op_specs[OP_GET_CLIENT_ID])->err, ERR_MISSING_TOKEN);
}

Test(grpc_metadata, the_idempotency_key_is_rotations_alone)
{
	add(STR("idempotency-key"), STR("i-1"));
	is(applied_to(&op_specs[OP_ROTATE_SECRET])->in.idempotency_key, STR("i-1"));
	is(applied_to(&op_specs[OP_GET_CLIENT_SECRET])->in.idempotency_key, STR_NONE);
}

Test(grpc_metadata, a_repeated_idempotency_key_fails_the_rotation_only)
{
	add(STR("idempotency-key"), STR("i-1"));
	add(STR("idempotency-key"), STR("i-1"));
	cr_assert_eq(applied_to(&op_specs[OP_ROTATE_SECRET])->err, ERR_INVALID_REQUEST);
	cr_assert_eq(applied_to(&op_specs[OP_GET_CLIENT_SECRET])->err, ERR_OK);
}

/* What failed first is what the client is told. */
Test(grpc_metadata, a_bad_bearer_comes_before_a_bad_idempotency_key)
{
	add(STR("authorization"), STR("Basic YTpi"));
	add(STR("idempotency-key"), STR(""));
	cr_assert_eq(applied_to(&op_specs[OP_ROTATE_SECRET])->err, ERR_MISSING_TOKEN);
}

Test(grpc_metadata, an_op_that_has_failed_keeps_its_reason_and_gets_its_origin)
{
	add(STR("authorization"), STR("Basic YTpi"));
	add(STR("x-request-id"), STR("r-1"));
	op = op_new(&env, &op_specs[OP_GET_CLIENT_ID], no_reply, NULL);
	cr_assert_not_null(op);
	op_fail(op, ERR_HEADERS_TOO_LARGE, NULL);
	grpc_metadata_apply(&metadata, op);
	cr_assert_eq(op->err, ERR_HEADERS_TOO_LARGE);
	is(op->request_id, STR("r-1"));
	cr_assert_eq(op->origin.transport, 'g');
}

Test(grpc_metadata, a_call_to_nowhere_is_recorded_too)
{
	add(STR("x-request-id"), STR("r-1"));
	add(STR("authorization"), STR("Bearer t"));
	applied_to(NULL);
	is(op->request_id, STR("r-1"));
	is(op->origin.remote_addr, STR("192.0.2.7"));
	is(op->in.bearer, STR_NONE);
}

Test(grpc_metadata, who_a_proxy_speaks_for_is_the_origin)
{
	is(applied_to(&op_specs[OP_GET_CLIENT_ID])->origin.remote_addr, STR("192.0.2.7"));
	add(STR("forwarded"), STR("for=203.0.113.1"));
	add(STR("x-forwarded-for"), STR("203.0.113.2"));
	add(STR("forwarded"), STR("for=\"[2001:db8::7]:443\""));
	is(applied_to(&op_specs[OP_GET_CLIENT_ID])->origin.remote_addr, STR("2001:db8::7"));
}

/* The line of the proxy itself, which is the last one, may be among what is left out. */
Test(grpc_metadata, nobody_is_named_by_fields_that_are_too_large)
{
	add(STR("forwarded"), STR("for=203.0.113.1"));
	add_sized(GRPC_HEADER_LIST_MAX);
	add(STR("forwarded"), STR("for=203.0.113.9"));
	is(applied_to(&op_specs[OP_GET_CLIENT_ID])->origin.remote_addr, STR("192.0.2.7"));
}

Test(grpc_metadata, trailers_count_and_say_nothing)
{
	add(STR("x-request-id"), STR("r-1"));
	size_t size = metadata.size;
	metadata.whole = true;
	add(STR("forwarded"), STR("for=203.0.113.1"));
	add(STR("x-request-id"), STR("r-2"));
	cr_assert_gt(metadata.size, size);
	const struct op *asked = applied_to(&op_specs[OP_GET_CLIENT_ID]);
	is(asked->origin.remote_addr, STR("192.0.2.7"));
	is(asked->request_id, STR("r-1"));
}
