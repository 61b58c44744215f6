#include "grpc/grpc_frames.h"

#include <criterion/criterion.h>

/* The preface, an empty SETTINGS, DATA of 3 bytes on stream 0x01020304, END_STREAM alone on
 * stream 1. */
static const char bytes[] = NGHTTP2_CLIENT_MAGIC "\0\0\0\4\0\0\0\0\0"
						 "\0\0\3\0\0\1\2\3\4abc"
						 "\0\0\0\0\1\0\0\0\1";
static const nghttp2_frame_hd expected[] = {
	{.length = 0, .type = NGHTTP2_SETTINGS},
	{.length = 3, .type = NGHTTP2_DATA, .stream_id = 0x01020304},
	{.length = 0, .type = NGHTTP2_DATA, .flags = NGHTTP2_FLAG_END_STREAM, .stream_id = 1},
};

/* However the bytes are cut, every frame is told once, and not behind a byte of its payload. */
Test(grpc_frames, every_frame_is_told_in_pieces_of_any_size)
{
	const size_t ends[] = {24 + 9, 24 + 9 + 9, sizeof bytes - 1}; /* of the headers */
	for (size_t cut = 1; cut < sizeof bytes; cut++) {
		struct grpc_frames f;
		size_t seen = 0;
		grpc_frames_init(&f);
		for (size_t at = 0; at < sizeof bytes - 1;) {
			size_t n = sizeof bytes - 1 - at < cut ? sizeof bytes - 1 - at : cut;
			nghttp2_frame_hd hd;
			bool begins = false;
			size_t taken = grpc_frames_next(&f, str_from(bytes + at, n), &hd, &begins);
			cr_assert(taken > 0 && taken <= n);
			if (begins) {
				cr_assert_lt(seen, 3);
				cr_assert(at < ends[seen] && at + taken >= ends[seen], "cut %zu, frame %zu at %zu", cut, seen, at);
				cr_assert_eq(hd.length, expected[seen].length);
				cr_assert_eq(hd.type, expected[seen].type);
				cr_assert_eq(hd.flags, expected[seen].flags);
				cr_assert_eq(hd.stream_id, expected[seen].stream_id);
				seen++;
			}
			at += taken;
		}
		cr_assert_eq(seen, 3, "cut %zu", cut);
	}
}

Test(grpc_frames, a_header_is_written_as_it_was_read)
{
	const uint8_t head[GRPC_FRAME_HEAD] = {1, 2, 3, NGHTTP2_DATA, 5, 0x7f, 7, 8, 9};
	uint8_t again[GRPC_FRAME_HEAD];
	nghttp2_frame_hd hd = grpc_frame_head(head);
	cr_expect_eq(hd.length, 0x010203);
	cr_expect_eq(hd.stream_id, 0x7f070809);
	grpc_frame_put_head(again, &hd);
	cr_expect_arr_eq(again, head, sizeof head);
}
