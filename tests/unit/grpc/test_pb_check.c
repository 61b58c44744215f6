/* Messages are written as bytes here: a tag is field number << 3 | wire type. */
#include <criterion/criterion.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "grpc/pb_check.h"
#include "grpc/pb_memory.h"
#include "m2m/v1/m2m.pb-c.h"

#define GRANT      (&m2m__v1__issue_token_request__descriptor)                 /* strings 1 to 5 */
#define GRACE      (&m2m__v1__rotate_client_secret_request__descriptor)        /* int32 1 */
#define ERROR_INFO (&google__rpc__error_info__descriptor)                      /* map<string, string> 3 */
#define ANY        (&google__protobuf__any__descriptor)                        /* string 1, bytes 2 */
#define TYPE       (&google__protobuf__descriptor_proto__descriptor)           /* string 1, itself 3 */
#define LOCATION   (&google__protobuf__source_code_info__location__descriptor) /* packed int32 1 */
#define OPTION     (&google__protobuf__uninterpreted_option__descriptor)       /* uint64 4, double 6 */

static void is(enum err want, const ProtobufCMessageDescriptor *type, struct str message)
{
	enum err got = pb_check(type, message);
	cr_assert_eq(got, want, "%s: %s", type->name, err_info(got)->code);
}

Test(pb_check, nothing_is_a_message)
{
	is(ERR_OK, GRANT, STR_NONE);
	is(ERR_OK, GRANT, STR(""));
}

Test(pb_check, fields_may_come_in_any_order_and_again)
{
	is(ERR_OK, GRANT,
	   STR("\x2a\x01z\x0a\x02"
	       "ab\x12\x00\x0a\x01"
	       "c"));
	is(ERR_OK, GRACE, STR("\x08\x00\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
}

Test(pb_check, unknown_fields_are_stepped_over)
{
	is(ERR_OK, GRANT,
	   STR("\x78\x96\x01"                         /* 15, varint */
	       "\x79\x00\xff\x00\xff\x00\xff\x00\xff" /* 64 bits */
	       "\x7a\x03\x00\xff\xc0"                 /* bytes that would be no text */
	       "\x7d\x01\x02\x03\x04"                 /* 32 bits */
	       "\xf8\xff\xff\xff\x0f\x00"             /* the greatest field number */
	       "\x0a\x01x"));
}

Test(pb_check, what_breaks_off_is_malformed)
{
	static const struct str messages[] = {
		STR("\x08"),                             /* a tag alone */
		STR("\x88"),                             /* half a tag */
		STR("\x78\x96"),                         /* half a varint */
		STR("\x79\x01\x02\x03\x04\x05\x06\x07"), /* 7 of 8 bytes */
		STR("\x7d\x01\x02\x03"),                 /* 3 of 4 */
		STR("\x0a"),                             /* no length */
		STR("\x0a\x80"),                         /* half a length */
		STR("\x0a\x03"                           /* a length beyond the end */
		    "ab"),
		STR("\x7a\x03"
		    "ab"),
	};
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
		is(ERR_MALFORMED, GRANT, messages[i]);
}

Test(pb_check, no_length_wraps_around)
{
	is(ERR_MALFORMED, GRANT, STR("\x0a\xff\xff\xff\xff\x0f"));
	is(ERR_MALFORMED, GRANT, STR("\x0a\xff\xff\xff\xff\x7f"));
	is(ERR_MALFORMED, GRANT, STR("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
}

Test(pb_check, numbers_have_an_end)
{
	is(ERR_OK, GRACE, STR("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"));
	is(ERR_MALFORMED, GRACE, STR("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"));
	is(ERR_OK, GRACE, STR("\x88\x80\x80\x80\x00\x01"));
	is(ERR_MALFORMED, GRACE, STR("\x88\x80\x80\x80\x80\x00\x01"));
	is(ERR_MALFORMED, GRACE, STR("\xf8\xff\xff\xff\x1f\x00")); /* a field number of 30 bits */
}

Test(pb_check, groups_and_wire_types_that_do_not_exist_are_malformed)
{
	is(ERR_MALFORMED, GRANT, STR("\x3b\x3c")); /* an empty group */
	is(ERR_MALFORMED, GRANT, STR("\x3c"));
	is(ERR_MALFORMED, GRANT, STR("\x3e\x00"));
	is(ERR_MALFORMED, GRANT, STR("\x3f\x00"));
	is(ERR_MALFORMED, GRANT, STR("\x0b\x0c"));
}

Test(pb_check, there_is_no_field_0)
{
	is(ERR_MALFORMED, GRANT, STR("\x00\x01"));
	is(ERR_MALFORMED, GRANT, STR("\x02\x00"));
	is(ERR_MALFORMED, GRANT, STR("\x80\x00\x01")); /* the same, written longer */
}

Test(pb_check, a_known_field_has_its_own_wire_type)
{
	is(ERR_MALFORMED, GRANT, STR("\x08\x01"));
	is(ERR_MALFORMED, GRANT, STR("\x0d\x01\x02\x03\x04"));
	is(ERR_MALFORMED, GRACE, STR("\x0a\x01\x01"));
	is(ERR_MALFORMED, GRACE, STR("\x09\x01\x02\x03\x04\x05\x06\x07\x08"));
	is(ERR_OK, OPTION, STR("\x20\x01\x31\x01\x02\x03\x04\x05\x06\x07\x08"));
	is(ERR_MALFORMED, OPTION, STR("\x30\x01"));
}

Test(pb_check, numbers_that_repeat_may_be_packed)
{
	is(ERR_OK, LOCATION, STR("\x0a\x03\x01\x96\x01\x08\x05"));
	is(ERR_MALFORMED, LOCATION, STR("\x0d\x01\x02\x03\x04"));
}

Test(pb_check, a_string_has_no_nul)
{
	is(ERR_MALFORMED, GRANT, STR("\x0a\x01\x00"));
	is(ERR_MALFORMED, GRANT,
	   STR("\x12\x05"
	       "m2m\x00x"));
}

Test(pb_check, a_string_is_utf8)
{
	is(ERR_OK, GRANT, STR("\x0a\x09\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91"));
	is(ERR_MALFORMED, GRANT, STR("\x0a\x01\xff"));
	is(ERR_MALFORMED, GRANT, STR("\x0a\x02\xc0\x80"));         /* an overlong NUL */
	is(ERR_MALFORMED, GRANT, STR("\x0a\x03\xed\xa0\x80"));     /* half a surrogate pair */
	is(ERR_MALFORMED, GRANT, STR("\x0a\x01\xc3\x12\x01\xa9")); /* a character in two fields */
}

Test(pb_check, strings_of_nested_messages_are_strings_too)
{
	is(ERR_OK, ERROR_INFO, STR("\x1a\x06\x0a\x01k\x12\x01v"));
	is(ERR_MALFORMED, ERROR_INFO, STR("\x1a\x06\x0a\x01k\x12\x01\xff"));
	is(ERR_MALFORMED, ERROR_INFO, STR("\x1a\x06\x0a\x01\x00\x12\x01v"));
	/* ends outside of the message that it is in */
	is(ERR_MALFORMED, ERROR_INFO, STR("\x1a\x06\x0a\x01k\x12\x02v"));
}

Test(pb_check, bytes_may_be_anything)
{
	is(ERR_OK, ANY, STR("\x12\x03\x00\xff\xc0"));
	is(ERR_MALFORMED, ANY, STR("\x0a\x03\x00\xff\xc0"));
}

/* A message type in a message type, `depth` in all. */
static struct str nested(char *space, size_t size, unsigned depth)
{
	size_t n = 0;
	for (unsigned i = 1; i < depth; i++) {
		cr_assert(n < 128 && n + 2 <= size);
		space[size - n - 1] = (char)n;
		space[size - n - 2] = 0x1a;
		n += 2;
	}
	return str_from(space + size - n, n);
}

Test(pb_check, depth_is_bounded)
{
	char space[64];
	is(ERR_OK, TYPE, nested(space, sizeof space, PB_DEPTH_MAX));
	is(ERR_TOO_LARGE, TYPE, nested(space, sizeof space, PB_DEPTH_MAX + 1));
	is(ERR_TOO_LARGE, TYPE, nested(space, sizeof space, 30));
}

Test(pb_check, messages_side_by_side_are_not_deep)
{
	char message[(PB_DEPTH_MAX + 1) * 2];
	for (size_t i = 0; i < sizeof message; i += 2)
		memcpy(message + i, "\x1a\x00", 2);
	is(ERR_OK, TYPE, str_from(message, sizeof message));
}

Test(pb_check, the_number_of_fields_is_bounded)
{
	static char message[16000];
	for (size_t i = 0; i < sizeof message; i += 2)
		memcpy(message + i, "\x78\x01", 2);
	is(ERR_OK, GRANT, str_from(message, PB_FIELDS_MAX * 2));
	is(ERR_TOO_LARGE, GRANT, str_from(message, PB_FIELDS_MAX * 2 + 2));
	is(ERR_TOO_LARGE, GRANT, str_from(message, sizeof message));
}

Test(pb_check, fields_of_nested_messages_count)
{
	char message[2 + PB_FIELDS_MAX * 2];
	message[0] = 0x1a;
	for (size_t i = 2; i < sizeof message; i += 2)
		memcpy(message + i, "\x78\x01", 2); /* an unknown field */
	message[1] = PB_FIELDS_MAX * 2 - 2;
	is(ERR_OK, TYPE, str_from(message, sizeof message - 2));
	message[1] = (char)0x80; /* 128 takes two bytes: one field less, one byte more of length */
	_Static_assert(PB_FIELDS_MAX * 2 == 128, "the lengths above");
	char longer[3 + PB_FIELDS_MAX * 2];
	memcpy(longer, "\x1a\x80\x01", 3);
	memcpy(longer + 3, message + 2, PB_FIELDS_MAX * 2);
	is(ERR_TOO_LARGE, TYPE, str_from(longer, sizeof longer));
}

/* ---- against protobuf-c itself ---- */

static bool unpacks(const ProtobufCMessageDescriptor *type, struct str message)
{
	struct arena *a = arena_new(1 << 20);
	cr_assert_not_null(a);
	ProtobufCAllocator memory = pb_memory(a);
	bool good = protobuf_c_message_unpack(type, &memory, message.n, (const uint8_t *)message.p) != NULL;
	cr_assert_not(arena_overflowed(a));
	arena_free(a);
	return good;
}

static unsigned draw(unsigned n)
{
	static uint32_t state = 1;
	state = state * 1664525 + 1013904223;
	return (state >> 8) % n;
}

/* The other way round protobuf-c takes more: bad text, for one. */
Test(pb_check, protobuf_c_unpacks_whatever_was_let_through)
{
	static const struct str seed = STR("\x0a\x12"
					   "client_credentials"
					   "\x12\x03"
					   "m2m"
					   "\x78\x96\x01\x1a\x04"
					   "m2ms"
					   "\x7d\x01\x02\x03\x04\x2a\x00");
	static const ProtobufCMessageDescriptor *const types[] = {GRANT, GRACE, ERROR_INFO, ANY, &google__rpc__status__descriptor};
	unsigned taken = 0;
	for (int round = 0; round < 20000; round++) {
		char message[64];
		size_t n = draw((unsigned)seed.n + 1);
		memcpy(message, seed.p, n);
		for (unsigned changes = draw(3); n > 0 && changes > 0; changes--)
			message[draw((unsigned)n)] = (char)draw(256);
		const ProtobufCMessageDescriptor *type = types[draw(sizeof types / sizeof *types)];
		if (pb_check(type, str_from(message, n)) != ERR_OK)
			continue;
		taken++;
		cr_assert(unpacks(type, str_from(message, n)), "%s, round %d", type->name, round);
	}
	cr_assert_gt(taken, 1000);
}

Test(pb_memory, a_message_that_does_not_fit_is_not_unpacked)
{
	static const struct str message = STR("\x0a\x05"
					      "hello");
	for (size_t cap = 0; cap <= 256; cap += 16) {
		struct arena *a = arena_new(cap);
		cr_assert_not_null(a);
		ProtobufCAllocator memory = pb_memory(a);
		const M2m__V1__IssueTokenRequest *m = m2m__v1__issue_token_request__unpack(&memory, message.n, (const uint8_t *)message.p);
		cr_assert_eq(m == NULL, arena_overflowed(a));
		cr_assert(cap > 0 || m == NULL);
		cr_assert(cap < 256 || strcmp(m->grant_type, "hello") == 0);
		arena_free(a);
	}
}
