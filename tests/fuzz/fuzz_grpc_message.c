/* Whatever bytes come as a request message: it is decoded or refused within the op's memory,
 * what was decoded is text without NUL, and protobuf-c unpacks whatever pb_check lets through.
 * The message types of this server's other services are walked as well, since they nest and
 * repeat. */
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "google/protobuf/descriptor.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "grpc/grpc_decode.h"
#include "grpc/pb_check.h"
#include "grpc/pb_memory.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "op/op_input.h"

#define MESSAGE_MAX (16 * 1024)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void must_be_text(struct str s)
{
	must((s.p == NULL) == (s.n == 0));
	while (s.n > 0) {
		size_t n = utf8_next(s);
		must(n > 0 && s.p[0] != '\0');
		s = str_from(s.p + n, s.n - n);
	}
}

static void decode(enum op_id id, struct str message)
{
	static struct op_env env;
	struct op *op = op_new(&env, &op_specs[id], NULL, NULL);
	must(op != NULL);
	grpc_decode(op, message);
	must(op->err == ERR_OK || op->err == ERR_MALFORMED_MESSAGE || op->err == ERR_BODY_TOO_LARGE || op->err == ERR_INVALID_REQUEST);
	must(op->in.grace_seconds >= 0 && op->in.grace_seconds <= OP_GRACE_MAX);
	must_be_text(op->in.grant_type);
	must_be_text(op->in.client_id);
	must_be_text(op->in.client_secret);
	must_be_text(op->in.scope);
	must_be_text(op->in.audience);
	op_free(op);
}

/* Room for numbers that come packed, a byte each, and take eight unpacked. */
static void unpack(const ProtobufCMessageDescriptor *type, struct str message)
{
	if (pb_check(type, message) != ERR_OK)
		return;
	struct arena *a = arena_new(16 * MESSAGE_MAX);
	must(a != NULL);
	ProtobufCAllocator memory = pb_memory(a);
	(void)protobuf_c_message_unpack(type, &memory, message.n, (const uint8_t *)message.p);
	must(!arena_overflowed(a));
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > MESSAGE_MAX)
		return 0;
	struct str message = str_from(data, size);
	for (enum op_id id = 0; id < OP_COUNT; id++)
		if (op_specs[id].grpc != NULL)
			decode(id, message);
	unpack(&grpc__reflection__v1__server_reflection_request__descriptor, message);
	unpack(&google__rpc__status__descriptor, message);
	unpack(&google__protobuf__file_descriptor_proto__descriptor, message);
	return 0;
}
