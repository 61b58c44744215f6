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

#define GRPC_HEADERS_MAX  6
#define GRPC_TRAILERS_MAX 3

/* All borrow what they are given. Each returns how many fields it wrote, at most as many as the
 * numbers above say. `coding`: of the message; NULL: none. */
size_t grpc_reply_headers(nghttp2_nv *ret, struct str request_id, const char *coding);
size_t grpc_reply_trailers(nghttp2_nv *ret, const struct grpc_status *status);
/* To a request that isn't gRPC at all: HTTP's own status says so. `code` is filled. */
size_t grpc_reply_http(nghttp2_nv *ret, enum err err, char code[12]);

#endif
