/* What stands in a response's HEADERS and trailers. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "grpc/grpc_frames.h"
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
	fields_n = grpc_reply_headers(fields, STR("r-1"));
	cr_assert_leq(fields_n, GRPC_HEADERS_MAX);
	field_is(":status", "200");
	field_is("x-request-id", "r-1");
	cr_expect_eq(find("x-request-id")->flags & NGHTTP2_NV_FLAG_NO_INDEX, NGHTTP2_NV_FLAG_NO_INDEX);
	fields_n = grpc_reply_headers(fields, STR_NONE);
	field_is("x-request-id", NULL);
}

/* What a client reads of a header block, as lines; its table stays empty. */
static const char *inflated(const uint8_t *block, size_t n)
{
	static char lines[512];
	nghttp2_hd_inflater *inflater = NULL;
	nghttp2_nv nv;
	int flags = 0;
	size_t used = 0, lines_n = 0;
	cr_assert_eq(nghttp2_hd_inflate_new(&inflater), 0);
	while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
		ssize_t taken = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block + used, n - used, 1);
		cr_assert_geq(taken, 0, "%zd behind %zu bytes", taken, used);
		used += (size_t)taken;
		if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
			lines_n += (size_t)snprintf(lines + lines_n, sizeof lines - lines_n, "%.*s: %.*s%s\n", (int)nv.namelen,
						    (const char *)nv.name, (int)nv.valuelen, (const char *)nv.value,
						    (nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0 ? " (never kept)" : "");
	}
	cr_assert_eq(used, n);
	cr_expect_eq(nghttp2_hd_inflate_get_dynamic_table_size(inflater), 0);
	nghttp2_hd_inflate_del(inflater);
	return lines;
}

Test(grpc_reply, literals_say_the_same_and_are_kept_by_nobody)
{
	uint8_t block[GRPC_LITERALS_MAX];
	char id[GRPC_REQUEST_ID_MAX + 1];
	cr_expect_str_eq(inflated(block, grpc_reply_literals(block, STR_NONE, NULL)), "content-type: application/grpc\n"
										      "grpc-accept-encoding: identity,gzip\n");
	cr_expect_str_eq(inflated(block, grpc_reply_literals(block, STR("r-1"), "gzip")), "content-type: application/grpc\n"
											  "grpc-accept-encoding: identity,gzip\n"
											  "x-request-id: r-1 (never kept)\n"
											  "grpc-encoding: gzip\n");
	memset(id, 'i', sizeof id - 1);
	id[sizeof id - 1] = '\0';
	size_t n = grpc_reply_literals(block, str_of(id), "gzip");
	cr_assert_leq(n, sizeof block);
	cr_expect_not_null(strstr(inflated(block, n), id));
}

Test(grpc_reply, a_good_end_is_a_frame_of_its_own)
{
	uint8_t frame[GRPC_OK_FRAME_LEN];
	grpc_reply_ok_frame(frame, 0x01020304);
	nghttp2_frame_hd hd = grpc_frame_head(frame);
	cr_expect_eq(hd.length, sizeof frame - GRPC_FRAME_HEAD);
	cr_expect_eq(hd.type, NGHTTP2_HEADERS);
	cr_expect_eq(hd.flags, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM);
	cr_expect_eq(hd.stream_id, 0x01020304);
	cr_expect_str_eq(inflated(frame + GRPC_FRAME_HEAD, hd.length), "grpc-status: 0\n");
}

Test(grpc_reply, only_ok_without_a_word_is_plain)
{
	struct grpc_status status = {.message = STR_NONE, .details = STR_NONE};
	for (int code = 0; code <= 16; code++) {
		grpc_status_set_code(&status, code);
		cr_expect_eq(grpc_status_is_plain_ok(&status), code == 0, "%d", code);
	}
	grpc_status_set_code(&status, 0);
	status.message = STR("well");
	cr_expect_not(grpc_status_is_plain_ok(&status));
	status = (struct grpc_status){.code = "0", .details = STR("AAAA")};
	cr_expect_not(grpc_status_is_plain_ok(&status));
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
