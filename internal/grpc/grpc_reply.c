/* Names, values, and which of them are for the table that both sides keep. */
#include "grpc/grpc_reply.h"

#include <stdio.h>
#include <string.h>

/* `name` stays where it is, so that nghttp2 needs no copy of it. */
static nghttp2_nv field_of(struct str name, struct str value, uint8_t flags)
{
	return (nghttp2_nv){(uint8_t *)(uintptr_t)name.p, (uint8_t *)(uintptr_t)value.p, name.n, value.n,
			    (uint8_t)(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME)};
}

#define field(name, value, flags) field_of(STR(name), value, flags)

void grpc_status_set_code(struct grpc_status *s, int code)
{
	if (code >= 0 && code <= 9)
		memcpy(s->code, (const char[]){(char)('0' + code), '\0'}, 2);
	else
		snprintf(s->code, sizeof s->code, "%d", code);
}

size_t grpc_reply_headers(nghttp2_nv *ret, struct str request_id, const char *coding)
{
	size_t n = 0;
	ret[n++] = field(":status", STR("200"), NGHTTP2_NV_FLAG_NO_COPY_VALUE);
	ret[n++] = field("content-type", STR("application/grpc"), NGHTTP2_NV_FLAG_NO_COPY_VALUE);
	/* an id is different every time: not for the table that both sides keep (RFC 7541
	 * section 6.2.2) */
	if (request_id.p != NULL)
		ret[n++] = field("x-request-id", request_id, NGHTTP2_NV_FLAG_NO_INDEX);
	if (coding != NULL)
		ret[n++] = field("grpc-encoding", str_of(coding), 0);
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
