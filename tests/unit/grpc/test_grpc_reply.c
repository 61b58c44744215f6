/* What stands in a response's HEADERS and trailers. */
#include <criterion/criterion.h>

#include <string.h>

#include "grpc/grpc_reply.h"

static nghttp2_nv fields[GRPC_HEADERS_MAX + GRPC_TRAILERS_MAX];
static size_t fields_n;

static const nghttp2_nv *find(const char *name)
{
	for (size_t i = 0; i < fields_n; i++)
		if (str_eq(str_from(fields[i].name, fields[i].namelen), str_of(name)))
			return &fields[i];
	return NULL;
}

static void field_is(const char *name, const char *value)
{
	const nghttp2_nv *f = find(name);
	if (value == NULL)
		cr_expect_null(f, "%s", name);
	else
		cr_expect(f != NULL && str_eq(str_from(f->value, f->valuelen), str_of(value)), "%s", name);
}

Test(grpc_reply, an_id_is_not_kept_in_the_table_of_fields)
{
	fields_n = grpc_reply_headers(fields, STR("r-1"), "gzip");
	cr_assert_leq(fields_n, GRPC_HEADERS_MAX);
	field_is(":status", "200");
	field_is("x-request-id", "r-1");
	field_is("grpc-encoding", "gzip");
	cr_expect_eq(find("x-request-id")->flags & NGHTTP2_NV_FLAG_NO_INDEX, NGHTTP2_NV_FLAG_NO_INDEX);
	fields_n = grpc_reply_headers(fields, STR_NONE, NULL);
	field_is("x-request-id", NULL);
	field_is("grpc-encoding", NULL);
}

Test(grpc_reply, a_status_has_what_there_is_to_say)
{
	struct grpc_status status = {.message = STR_NONE, .details = STR_NONE};
	grpc_status_set_code(&status, 0);
	fields_n = grpc_reply_trailers(fields, &status);
	cr_expect_eq(fields_n, 1);
	field_is("grpc-status", "0");
	status = (struct grpc_status){.message = STR("no%20"), .details = STR("AAAA")};
	grpc_status_set_code(&status, 14);
	fields_n = grpc_reply_trailers(fields, &status);
	cr_assert_leq(fields_n, GRPC_TRAILERS_MAX);
	field_is("grpc-status", "14");
	field_is("grpc-message", "no%20");
	field_is("grpc-status-details-bin", "AAAA");
}

Test(grpc_reply, what_is_not_grpc_gets_a_status_of_http)
{
	char code[12];
	fields_n = grpc_reply_http(fields, ERR_METHOD_NOT_ALLOWED, code);
	field_is(":status", "405");
	field_is("allow", "POST");
	fields_n = grpc_reply_http(fields, ERR_UNSUPPORTED_MEDIA_TYPE, code);
	field_is(":status", "415");
	field_is("allow", NULL);
}
