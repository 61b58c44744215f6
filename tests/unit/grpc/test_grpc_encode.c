/* Replies byte for byte, and errors as the generated code reads them back. */
#include <criterion/criterion.h>

#include "base/base64.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "grpc/grpc_encode.h"
#include "grpc/grpc_reader.h"
#include "grpc/gzip.h"
#include "grpc/pb_memory.h"
#include "m2m/v1/m2m.pb-c.h"

static struct op *op;
static ProtobufCAllocator memory;

static void make(enum op_id id)
{
	static struct op_env env;
	op_free(op);
	op = op_new(&env, &op_specs[id], NULL, NULL);
	cr_assert_not_null(op);
	memory = pb_memory(op->arena);
	op_set_request_id(op, STR("r-1"));
}

static void down(void)
{
	op_free(op);
}

TestSuite(grpc_encode, .fini = down);

/* Takes the prefix off and checks it. */
static struct str message_of(struct str framed, uint8_t flag)
{
	cr_assert(framed.p != NULL && framed.n >= GRPC_PREFIX_LEN);
	const uint8_t *prefix = (const uint8_t *)framed.p;
	cr_assert_eq(prefix[0], flag);
	cr_assert_eq((size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 | prefix[4], framed.n - GRPC_PREFIX_LEN);
	return str_from(framed.p + GRPC_PREFIX_LEN, framed.n - GRPC_PREFIX_LEN);
}

static void frame_is(struct str want)
{
	struct str got = grpc_encode(op, false);
	message_of(got, 0);
	cr_assert(str_eq(got, want));
}

static struct str details_of(struct op *finished)
{
	const struct grpc_error error = grpc_error_of(finished);
	return grpc_encode_details(finished->arena, &error);
}

Test(grpc_encode, a_client_id)
{
	make(OP_GET_CLIENT_ID);
	op->out.client_id = STR("m2m_x");
	frame_is(STR("\x00\x00\x00\x00\x07\x0a\x05m2m_x"));
}

Test(grpc_encode, what_a_token_is_worth)
{
	make(OP_INTROSPECT_TOKEN);
	op->out.introspected = (struct introspected){.client_id = STR("m2m_x"), .expires_at = 9};
	frame_is(STR("\x00\x00\x00\x00\x00"));
	op->out.introspected.active = true;
	op->out.introspected.audience = STR("x y");
	frame_is(STR("\x00\x00\x00\x00\x19"
		     "\x08\x01"
		     "\x1a\x05m2m_x"
		     "\x22\x06"
		     "Bearer"
		     "\x28\x09"
		     "\x42\x01x\x42\x01y"));
	op->out.introspected.audience = STR_NONE;
	op->out.introspected.bound_to = STR("jkt:ab");
	frame_is(STR("\x00\x00\x00\x00\x17"
		     "\x08\x01"
		     "\x1a\x05m2m_x"
		     "\x22\x04"
		     "DPoP"
		     "\x28\x09"
		     "\x62\x04\x0a\x02"
		     "ab"));
	op->out.introspected.bound_to = STR("x5t#S256:ab");
	frame_is(STR("\x00\x00\x00\x00\x19"
		     "\x08\x01"
		     "\x1a\x05m2m_x"
		     "\x22\x06"
		     "Bearer"
		     "\x28\x09"
		     "\x62\x04\x12\x02"
		     "ab"));
	make(OP_REVOKE_TOKEN);
	frame_is(STR("\x00\x00\x00\x00\x00"));
}

Test(grpc_encode, a_client_secret)
{
	make(OP_GET_CLIENT_SECRET);
	op->out = (struct op_output){
		.client_id = STR("m2m_x"), .client_secret = STR("m2ms_y"), .version = 3, .created_us = INT64_C(1767225600000001)};
	frame_is(STR("\x00\x00\x00\x00\x1c"
		     "\x0a\x05m2m_x"
		     "\x12\x06m2ms_y"
		     "\x18\x03"
		     "\x22\x09\x08\x80\xf2\xd6\xca\x06\x10\xe8\x07")); /* 1767225600 s and 1000 ns */
}

Test(grpc_encode, a_token)
{
	make(OP_ISSUE_TOKEN);
	op->out.access_token = STR("a.b.c");
	op->out.expires_in = 86400;
	op->out.scope = STR("api");
	frame_is(STR("\x00\x00\x00\x00\x18"
		     "\x0a\x05"
		     "a.b.c"
		     "\x12\x06"
		     "Bearer"
		     "\x18\x80\xa3\x05"
		     "\x22\x03"
		     "api"));
}

Test(grpc_encode, a_rotation)
{
	make(OP_ROTATE_SECRET);
	op->out = (struct op_output){.client_id = STR("m2m_x"),
				     .client_secret = STR("m2ms_y"),
				     .version = 4,
				     .rotated_us = INT64_C(1767225600000000),
				     .expires_us = INT64_C(1767225720000000),
				     .previous_expires_us = INT64_C(1767225660500000)};
	struct str message = message_of(grpc_encode(op, false), 0);
	const M2m__V1__RotateClientSecretResponse *m =
		m2m__v1__rotate_client_secret_response__unpack(&memory, message.n, (const uint8_t *)message.p);
	cr_assert_not_null(m);
	cr_assert_str_eq(m->client_id, "m2m_x");
	cr_assert_str_eq(m->client_secret, "m2ms_y");
	cr_assert_eq(m->version, 4);
	cr_assert_eq(m->rotated_at->seconds, 1767225600);
	cr_assert_eq(m->rotated_at->nanos, 0);
	cr_assert_eq(m->previous_secret_expires_at->seconds, 1767225660);
	cr_assert_eq(m->previous_secret_expires_at->nanos, 500000000);
	cr_assert_eq(m->expires_at->seconds, 1767225720);
}

Test(grpc_encode, a_rotation_to_a_secret_without_an_end)
{
	make(OP_ROTATE_SECRET);
	op->out = (struct op_output){.client_id = STR("m2m_x"), .client_secret = STR("m2ms_y"), .version = 4};
	struct str message = message_of(grpc_encode(op, false), 0);
	const M2m__V1__RotateClientSecretResponse *m =
		m2m__v1__rotate_client_secret_response__unpack(&memory, message.n, (const uint8_t *)message.p);
	cr_assert_not_null(m);
	cr_assert_null(m->expires_at);
}

Test(grpc_encode, the_live_secrets)
{
	static const struct registered_credential rows[] = {
		{.credential_id = STR("7"),
		 .kind = STR("secret"),
		 .hint = STR("abcd"),
		 .created_at = 1000000,
		 .last_use = {.at = 2000000, .remote_addr = STR("192.0.2.1")}},
		{.credential_id = STR("8"), .kind = STR("secret"), .hint = STR("efgh"), .created_at = 1000000, .expires_at = 3000000},
	};
	make(OP_LIST_SECRETS);
	op->out = (struct op_output){.credentials = rows, .rows = 2};
	struct str message = message_of(grpc_encode(op, false), 0);
	const M2m__V1__ListSecretsResponse *m = m2m__v1__list_secrets_response__unpack(&memory, message.n, (const uint8_t *)message.p);
	cr_assert_not_null(m);
	cr_assert_eq(m->n_secrets, 2);
	cr_assert_eq(m->secrets[0]->version, 7);
	cr_assert_null(m->secrets[0]->expires_at);
	cr_assert_eq(m->secrets[0]->last_use->at->seconds, 2);
	cr_assert_str_eq(m->secrets[0]->last_use->remote_addr, "192.0.2.1");
	cr_assert_eq(m->secrets[1]->expires_at->seconds, 3);
	cr_assert_null(m->secrets[1]->last_use->at);
}

/* As op->secret is, from which the operations answer. */
Test(grpc_encode, a_secret_need_not_end_with_nul)
{
	static const char secret[] = {'m', '2', 'm', 's', '_', 'y', 'X', 'X'};
	make(OP_GET_CLIENT_SECRET);
	op->out.client_secret = str_from(secret, 6);
	struct str message = message_of(grpc_encode(op, false), 0);
	const M2m__V1__GetClientSecretResponse *m =
		m2m__v1__get_client_secret_response__unpack(&memory, message.n, (const uint8_t *)message.p);
	cr_assert_not_null(m);
	cr_assert_str_eq(m->client_secret, "m2ms_y");
}

static void time_is(int64_t us, int64_t seconds, int32_t nanos)
{
	make(OP_GET_CLIENT_SECRET);
	op->out.created_us = us;
	struct str message = message_of(grpc_encode(op, false), 0);
	const M2m__V1__GetClientSecretResponse *m =
		m2m__v1__get_client_secret_response__unpack(&memory, message.n, (const uint8_t *)message.p);
	cr_assert(m != NULL && m->created_at != NULL);
	cr_assert_eq(m->created_at->seconds, seconds);
	cr_assert_eq(m->created_at->nanos, nanos);
}

Test(grpc_encode, nanos_count_forward_also_before_1970)
{
	time_is(0, 0, 0);
	time_is(1999999, 1, 999999000);
	time_is(-1, -1, 999999000);
	time_is(-1000000, -1, 0);
	time_is(-1000001, -2, 999999000);
	time_is(INT64_MIN, INT64_C(-9223372036855), 224192000);
}

Test(grpc_encode, an_absent_value_is_left_out)
{
	make(OP_ISSUE_TOKEN);
	frame_is(STR("\x00\x00\x00\x00\x08\x12\x06"
		     "Bearer"));
}

Test(grpc_encode, gzip_holds_the_same_message)
{
	make(OP_ISSUE_TOKEN);
	op->out.access_token = arena_printf(op->arena, "%0700d", 7);
	op->out.expires_in = 86400;
	struct str plain = message_of(grpc_encode(op, false), 0);
	struct str packed = message_of(grpc_encode(op, true), 1);
	char inflated[1024];
	size_t n = 0;
	cr_assert_lt(packed.n, plain.n);
	cr_assert_eq(gzip_inflate(packed, inflated, sizeof inflated, &n), ERR_OK);
	cr_assert(str_eq(str_from(inflated, n), plain));
}

/* Everything is as it was until the arena has room for it all. */
Test(grpc_encode, without_memory_there_is_no_reply)
{
	for (int gzip = 0; gzip < 2; gzip++) {
		make(OP_GET_CLIENT_SECRET);
		op->out.client_secret = STR("m2ms_y");
		while (!arena_overflowed(op->arena))
			arena_alloc(op->arena, 1024);
		cr_assert_null(grpc_encode(op, gzip == 1).p);
		cr_assert_null(details_of(op).p);
	}
}

#ifndef M2M_ARENA_SEPARATE
/* Only a block that is kept can be looked at after a reset. */
Test(grpc_encode, what_was_secret_in_a_reply_is_wiped_with_the_op)
{
	static const enum op_id ids[] = {OP_GET_CLIENT_SECRET, OP_ISSUE_TOKEN, OP_ROTATE_SECRET};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		make(ids[i]);
		op->out.client_secret = op->out.access_token = STR("m2ms_y");
		struct str reply = grpc_encode(op, false);
		cr_assert_not_null(memmem(reply.p, reply.n, "m2ms_y", 6));
		arena_reset(op->arena);
		cr_assert_null(memmem(reply.p, reply.n, "m2ms_y", 6));
	}
}
#endif

/* ---- errors ---- */

Test(grpc_encode, an_error_says_what_rest_says)
{
	make(OP_ROTATE_SECRET);
	op_fail(op, ERR_FORBIDDEN, NULL);
	cr_assert(str_eq(grpc_error_of(op).text, str_of(err_info(ERR_FORBIDDEN)->text)));
	op_fail(op, ERR_INVALID_REQUEST, "Why.");
	cr_assert(str_eq(grpc_error_of(op).text, STR("Why.")));
}

Test(grpc_encode, details_byte_for_byte)
{
	make(OP_ROTATE_SECRET);
	op_fail(op, ERR_FORBIDDEN, "No.");
	struct str got = details_of(op);
	cr_assert(str_eq(got, STR("CAcSA05vLhpXCih0eXBlLmdvb2dsZWFwaXMuY29tL2dvb2dsZS5ycGMuRXJyb3JJbmZvEisKCWZvcmJpZGRlbhILbTJtLWdhdGV3"
				  "YXkaEQoKcmVxdWVzdF9pZBIDci0x")),
		  "%.*s", STR_ARG(got));
}

/* What a client makes of them. Clients take base64 with and without padding; it is sent without. */
static const Google__Rpc__Status *details_read(void)
{
	struct str text = details_of(op);
	cr_assert(text.p != NULL && str_is_word(text, "+/"), "%.*s", STR_ARG(text));
	static const struct str padding[] = {STR(""), STR(""), STR("=="), STR("=")};
	struct str padded = arena_printf(op->arena, "%.*s%s", STR_ARG(text), padding[text.n % 4].p);
	uint8_t bytes[1024];
	size_t n = 0;
	cr_assert_eq(base64_decode(padded, bytes, sizeof bytes, &n), ERR_OK);
	const Google__Rpc__Status *status = google__rpc__status__unpack(&memory, n, bytes);
	cr_assert_not_null(status);
	return status;
}

static const Google__Rpc__ErrorInfo *error_info(const Google__Rpc__Status *status)
{
	cr_assert_geq(status->n_details, 1);
	const Google__Protobuf__Any *any = status->details[0];
	cr_assert_str_eq(any->type_url, "type.googleapis.com/google.rpc.ErrorInfo");
	const Google__Rpc__ErrorInfo *info = google__rpc__error_info__unpack(&memory, any->value.len, any->value.data);
	cr_assert_not_null(info);
	return info;
}

Test(grpc_encode, details_name_the_error_and_the_request)
{
	make(OP_ISSUE_TOKEN);
	op_fail(op, ERR_INVALID_CLIENT, NULL);
	const Google__Rpc__Status *status = details_read();
	cr_assert_eq(status->code, 16);
	cr_assert_str_eq(status->message, err_info(ERR_INVALID_CLIENT)->text);
	cr_assert_eq(status->n_details, 1);
	const Google__Rpc__ErrorInfo *info = error_info(status);
	cr_assert_str_eq(info->reason, "invalid_client");
	cr_assert_str_eq(info->domain, "m2m-gateway");
	cr_assert_eq(info->n_metadata, 1);
	cr_assert_str_eq(info->metadata[0]->key, "request_id");
	cr_assert_str_eq(info->metadata[0]->value, "r-1");
}

Test(grpc_encode, details_say_when_to_try_again)
{
	make(OP_ROTATE_SECRET);
	op_fail(op, ERR_STORE_UNAVAILABLE, NULL);
	op->retry_after = "7";
	const Google__Rpc__Status *status = details_read();
	cr_assert_eq(status->code, 14);
	cr_assert_eq(status->n_details, 2);
	cr_assert_str_eq(error_info(status)->reason, "store_unavailable");
	const Google__Protobuf__Any *any = status->details[1];
	cr_assert_str_eq(any->type_url, "type.googleapis.com/google.rpc.RetryInfo");
	const Google__Rpc__RetryInfo *retry = google__rpc__retry_info__unpack(&memory, any->value.len, any->value.data);
	cr_assert(retry != NULL && retry->retry_delay != NULL);
	cr_assert_eq(retry->retry_delay->seconds, 7);
	cr_assert_eq(retry->retry_delay->nanos, 0);
}

/* One that no operation was found for has no spec. */
Test(grpc_encode, every_error_has_its_details)
{
	for (enum err err = ERR_OK + 1; err < ERR_COUNT; err++) {
		make(OP_GET_CLIENT_ID);
		op->spec = NULL;
		op_fail(op, err, NULL);
		const Google__Rpc__Status *status = details_read();
		cr_assert_eq(status->code, err_info(err)->grpc);
		cr_assert_str_eq(error_info(status)->reason, err_info(err)->code);
	}
}

/* The letters in which base64 and base64url differ: 0xfb 0xff in a text cannot be, so they come
 * from ">" and "?" at the right places. */
Test(grpc_encode, details_are_in_the_standard_alphabet)
{
	static const char *const sentences[] = {"?>?>?>", "?>?>?>~", "~~~?>?>>>?>?", "?~?~?~?~?", ">>>>>>>>>"};
	bool plus = false, slash = false;
	for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
		make(OP_GET_CLIENT_ID);
		op_fail(op, ERR_FORBIDDEN, sentences[i]);
		struct str text = details_of(op);
		plus |= memchr(text.p, '+', text.n) != NULL;
		slash |= memchr(text.p, '/', text.n) != NULL;
		cr_assert_str_eq(details_read()->message, sentences[i]);
	}
	cr_assert(plus && slash);
}
