#include "grpc/grpc_frames.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void grpc_frames_init(struct grpc_frames *f)
{
	*f = (struct grpc_frames){.left = NGHTTP2_CLIENT_MAGIC_LEN};
}

nghttp2_frame_hd grpc_frame_head(const uint8_t p[GRPC_FRAME_HEAD])
{
	return (nghttp2_frame_hd){
		.length = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2],
		.type = p[3],
		.flags = p[4],
		.stream_id = (int32_t)((uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8]),
	};
}

void grpc_frame_put_head(uint8_t p[GRPC_FRAME_HEAD], const nghttp2_frame_hd *hd)
{
	const uint8_t head[GRPC_FRAME_HEAD] = {
		(uint8_t)(hd->length >> 16),
		(uint8_t)(hd->length >> 8),
		(uint8_t)hd->length,
		hd->type,
		hd->flags,
		(uint8_t)(hd->stream_id >> 24),
		(uint8_t)(hd->stream_id >> 16),
		(uint8_t)(hd->stream_id >> 8),
		(uint8_t)hd->stream_id,
	};
	memcpy(p, head, sizeof head);
}

size_t grpc_frames_next(struct grpc_frames *f, struct str in, nghttp2_frame_hd *ret, bool *ret_begins)
{
	*ret_begins = false;
	if (f->left > 0) {
		size_t n = least(f->left, in.n);
		f->left -= n;
		return n;
	}
	size_t n = least(GRPC_FRAME_HEAD - f->head_n, in.n);
	if (n > 0)
		memcpy(f->head + f->head_n, in.p, n);
	f->head_n += n;
	if (f->head_n < GRPC_FRAME_HEAD)
		return n;
	*ret = grpc_frame_head(f->head);
	*ret_begins = true;
	f->head_n = 0;
	size_t payload = least(ret->length, in.n - n);
	f->left = ret->length - payload;
	return n + payload;
}
