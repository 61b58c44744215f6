/* Names, values, and which of them are for the table that both sides keep. */
#include "grpc/grpc_reply.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "grpc/grpc_frames.h"

/* `name` stays where it is, so that nghttp2 needs no copy of it. */
static nghttp2_nv field_of(struct str name, struct str value, uint8_t flags)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n, value.n,
			    (uint8_t)(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME)};
}

#define field(name, value, flags) field_of(STR(name), value, flags)

void grpc_status_set_code(struct grpc_status *s, int code)
{
	if (code >= 0 && code <= 9) {
		s->code[0] = (char)('0' + code);
		s->code[1] = '\0';
		return;
	}
	snprintf(s->code, sizeof s->code, "%d", code);
}

nghttp2_nv grpc_reply_status_200(void)
{
	return field(":status", STR("200"), NGHTTP2_NV_FLAG_NO_COPY_VALUE);
}

size_t grpc_reply_headers(nghttp2_nv *ret, struct str request_id)
{
	size_t n = 0;
	ret[n++] = grpc_reply_status_200();
	ret[n++] = field("content-type", STR("application/grpc"), NGHTTP2_NV_FLAG_NO_COPY_VALUE);
	/* an id is different every time: not for the table that both sides keep (RFC 7541
	 * section 6.2.2) */
	if (request_id.p != NULL)
		ret[n++] = field("x-request-id", request_id, NGHTTP2_NV_FLAG_NO_INDEX);
	ret[n++] = field("grpc-accept-encoding", STR("identity,gzip"), NGHTTP2_NV_FLAG_NO_COPY_VALUE);
	return n;
}

size_t grpc_reply_trailers(nghttp2_nv *ret, const struct grpc_status *status)
{
	size_t n = 0;
	ret[n++] = field("grpc-status", str_of(status->code), 0);
	if (status->message.p != NULL)
		ret[n++] = field("grpc-message", status->message, NGHTTP2_NV_FLAG_NO_INDEX);
	if (status->details.p != NULL)
		ret[n++] = field("grpc-status-details-bin", status->details, NGHTTP2_NV_FLAG_NO_INDEX);
	return n;
}

/* ---- literals ---- */

bool grpc_status_is_plain_ok(const struct grpc_status *s)
{
	return s->code[0] == '0' && s->code[1] == '\0' && s->message.p == NULL && s->details.p == NULL;
}

static uint8_t *put(uint8_t *p, struct str bytes)
{
	memcpy(p, bytes.p, bytes.n);
	return p + bytes.n;
}

size_t grpc_reply_literals(uint8_t out[GRPC_LITERALS_MAX], struct str request_id, const char *coding)
{
	/* 0x0f 0x10: the name of number 31 in the static table; 0x00 and 0x10: a new name, the
	 * latter's value never to be kept by anybody on the way either */
	uint8_t *p = put(out, STR("\x0f\x10\x10"
				  "application/grpc"
				  "\x00\x14"
				  "grpc-accept-encoding"
				  "\x0d"
				  "identity,gzip"));
	if (request_id.p != NULL) {
		assert(request_id.n <= GRPC_REQUEST_ID_MAX);
		p = put(p, STR("\x10\x0c"
			       "x-request-id"));
		*p++ = (uint8_t)request_id.n;
		p = put(p, request_id);
	}
	if (coding != NULL) {
		const struct str value = str_of(coding);
		p = put(p, STR("\x00\x0d"
			       "grpc-encoding"));
		*p++ = (uint8_t)value.n;
		p = put(p, value);
	}
	return (size_t)(p - out);
}

void grpc_reply_ok_frame(uint8_t out[GRPC_OK_FRAME_LEN], int32_t stream_id)
{
	const struct str block = STR("\x00\x0b"
				     "grpc-status"
				     "\x01"
				     "0");
	const nghttp2_frame_hd hd = {.length = block.n,
				     .type = NGHTTP2_HEADERS,
				     .flags = NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM,
				     .stream_id = stream_id};
	grpc_frame_put_head(out, &hd);
	put(out + GRPC_FRAME_HEAD, block);
}

size_t grpc_reply_http(nghttp2_nv *ret, enum err err, char code[12])
{
	size_t n = 0;
	snprintf(code, 12, "%d", err_info(err)->http);
	ret[n++] = field(":status", str_of(code), 0);
	ret[n++] = field("content-type", STR("text/plain"), 0);
	if (err == ERR_METHOD_NOT_ALLOWED)
		ret[n++] = field("allow", STR("POST"), 0);
	return n;
}
