/* The fields of a response (gRPC over HTTP/2, "Responses"): its HEADERS, and the status in its
 * trailers, or in its HEADERS where nothing follows them (Trailers-Only). Pure. */
#ifndef M2M_GRPC_GRPC_REPLY_H
#define M2M_GRPC_GRPC_REPLY_H

#include <nghttp2/nghttp2.h>

#include "base/err.h"
#include "base/str.h"

/* As it goes over the wire; texts absent where there are none. */
struct grpc_status {
	char code[12];
	struct str message; /* percent-encoded */
	struct str details; /* base64 */
};

void grpc_status_set_code(struct grpc_status *s, int code);

bool grpc_status_is_plain_ok(const struct grpc_status *s);

#define GRPC_HEADERS_MAX  6
#define GRPC_TRAILERS_MAX 3

/* All borrow what they are given. Each returns how many fields it wrote, at most as many as the
 * numbers above say. */
nghttp2_nv grpc_reply_status_200(void);
size_t grpc_reply_headers(nghttp2_nv *ret, struct str request_id);
size_t grpc_reply_trailers(nghttp2_nv *ret, const struct grpc_status *status);

/* What follows :status in the HEADERS of an answer that has a body, as HPACK literals that neither
 * side keeps (RFC 7541 section 6.2): they depend on nothing that was sent before. `coding`: of the
 * message; NULL: none. Returns how many bytes it wrote. */
#define GRPC_REQUEST_ID_MAX 64
#define GRPC_LITERALS_MAX   192
size_t grpc_reply_literals(uint8_t out[GRPC_LITERALS_MAX], struct str request_id, const char *coding);
/* A frame with the trailers of such an answer, where all went well. It may not be the first header
 * block after the client has changed the size of its table (RFC 7541 section 4.2). */
#define GRPC_OK_FRAME_LEN 24
void grpc_reply_ok_frame(uint8_t out[GRPC_OK_FRAME_LEN], int32_t stream_id);

/* To a request that isn't gRPC at all: HTTP's own status says so. `code` is filled. */
size_t grpc_reply_http(nghttp2_nv *ret, enum err err, char code[12]);

#endif
