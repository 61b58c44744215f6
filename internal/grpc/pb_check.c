/* One field after another: tag, then a value that its wire type delimits. Each take_ function
 * shortens what is left, or says that it is too short. */
#include "grpc/pb_check.h"

#include "base/utf8.h"

/* What protobuf-c reads of a tag or a length, so that both see the same fields. */
#define TAG_BYTES_MAX    5
#define LENGTH_BYTES_MAX 5
#define VARINT_BYTES_MAX 10

struct limits {
	unsigned depth, fields; /* what is left of them */
};

static bool take_varint(struct str *in, size_t max, uint64_t *ret)
{
	uint64_t v = 0;
	for (size_t i = 0; i < max && i < in->n; i++) {
		uint8_t byte = (uint8_t)in->p[i];
		v |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret = v;
			*in = str_from(in->p + i + 1, in->n - i - 1);
			return true;
		}
	}
	return false;
}

static bool take_bytes(struct str *in, uint64_t n, struct str *ret)
{
	if (n > in->n)
		return false;
	*ret = str_from(in->p, (size_t)n);
	*in = str_from(in->p + n, in->n - (size_t)n);
	return true;
}

/* *ret_body is what a length-prefixed value holds. */
static bool take_value(struct str *in, unsigned wire_type, struct str *ret_body)
{
	uint64_t v = 0;
	switch (wire_type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return take_varint(in, VARINT_BYTES_MAX, &v);
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return take_bytes(in, 8, ret_body);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		return take_varint(in, LENGTH_BYTES_MAX, &v) && take_bytes(in, v, ret_body);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return take_bytes(in, 4, ret_body);
	default:
		return false;
	}
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	default:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

/* Numbers that repeat may also come packed, many in one length-prefixed value; protobuf-c checks
 * what is in it. */
static bool wire_type_fits(const ProtobufCFieldDescriptor *field, unsigned wire_type)
{
	return wire_type == wire_type_of(field->type) ||
	       (field->label == PROTOBUF_C_LABEL_REPEATED && wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED);
}

static bool is_text(struct str s)
{
	for (size_t i = 0; i < s.n;) {
		/* nearly all is ASCII */
		bool ascii = (unsigned char)s.p[i] - 1U < 0x7f;
		size_t n = ascii ? 1 : utf8_next(str_from(s.p + i, s.n - i));
		if (n == 0 || s.p[i] == '\0')
			return false;
		i += n;
	}
	return true;
}

static enum err check_message(const ProtobufCMessageDescriptor *type, struct str in, struct limits *left);

static enum err check_field(const ProtobufCMessageDescriptor *type, struct str *in, struct limits *left)
{
	uint64_t tag = 0;
	struct str body = STR_NONE;
	if (!take_varint(in, TAG_BYTES_MAX, &tag) || tag > UINT32_MAX || tag >> 3 == 0 || !take_value(in, tag & 7, &body))
		return ERR_MALFORMED;

	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
	if (field == NULL)
		return ERR_OK;
	if (!wire_type_fits(field, tag & 7))
		return ERR_MALFORMED;
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return is_text(body) ? ERR_OK : ERR_MALFORMED;
	return field->type == PROTOBUF_C_TYPE_MESSAGE ? check_message(field->descriptor, body, left) : ERR_OK;
}

static enum err check_message(const ProtobufCMessageDescriptor *type, struct str in, struct limits *left)
{
	if (left->depth == 0)
		return ERR_TOO_LARGE;
	left->depth--;
	while (in.n > 0) {
		if (left->fields == 0)
			return ERR_TOO_LARGE;
		left->fields--;
		enum err err = check_field(type, &in, left);
		if (err != ERR_OK)
			return err;
	}
	left->depth++;
	return ERR_OK;
}

enum err pb_check(const ProtobufCMessageDescriptor *type, struct str message)
{
	struct limits left = {PB_DEPTH_MAX, PB_FIELDS_MAX};
	return check_message(type, message, &left);
}
