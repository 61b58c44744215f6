/* Where the frames begin in what a client sends (RFC 9113 section 4.1), so that each can be looked
 * at when all before it has been worked on, and before nghttp2 sees it. nghttp2 itself tells
 * nothing of the frames that it ignores, such as DATA on a stream that has closed. */
#ifndef M2M_GRPC_GRPC_FRAMES_H
#define M2M_GRPC_GRPC_FRAMES_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "base/str.h"

#define GRPC_FRAME_HEAD 9

struct grpc_frames {
	uint8_t head[GRPC_FRAME_HEAD];
	size_t head_n; /* of the header that is being read */
	size_t left;   /* of the preface, or of the frame whose header was read */
};

/* A frame's header, and its fields written again. */
nghttp2_frame_hd grpc_frame_head(const uint8_t p[GRPC_FRAME_HEAD]);
void grpc_frame_put_head(uint8_t p[GRPC_FRAME_HEAD], const nghttp2_frame_hd *hd);

/* At the beginning of a connection, before its preface. */
void grpc_frames_init(struct grpc_frames *f);

/* How many bytes of `in`, which follow what was given before, may be handed on at once; at least 1
 * if there is one. *ret_begins: the header of a frame is complete with them, and stands in *ret;
 * nothing of its payload was handed on before. */
size_t grpc_frames_next(struct grpc_frames *f, struct str in, nghttp2_frame_hd *ret, bool *ret_begins);

#endif
