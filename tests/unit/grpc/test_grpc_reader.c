#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "grpc/grpc_reader.h"
#include "grpc/gzip.h"

static struct arena *arena;
static struct grpc_reader reader;

static void up(void)
{
	arena = arena_new(2 << 20);
	cr_assert_not_null(arena);
	reader = (struct grpc_reader){0};
}

static void down(void)
{
	grpc_reader_release(&reader);
	arena_free(arena);
}

TestSuite(grpc_reader, .init = up, .fini = down);

static struct str filled(size_t n)
{
	char *p = arena_alloc(arena, n);
	cr_assert_not_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)('a' + i % 23);
	return str_from(p, n);
}

static struct str framed(char flag, struct str message)
{
	struct sbuf frame = sbuf_in(arena, GRPC_PREFIX_LEN + message.n);
	sbuf_putc(&frame, flag);
	for (int shift = 24; shift >= 0; shift -= 8)
		sbuf_putc(&frame, (char)(message.n >> shift));
	sbuf_put(&frame, message);
	return sbuf_str(&frame);
}

static struct str packed(struct str message)
{
	struct str bytes = gzip_deflate(arena, message, 0);
	cr_assert_not_null(bytes.p);
	return bytes;
}

/* Takes one message off *in. */
static void gives(struct str *in, struct str want)
{
	struct str got = STR("untouched");
	cr_assert_eq(grpc_reader_take(&reader, in, &got), ERR_OK);
	cr_assert(str_eq(got, want), "%zu bytes, not %zu", got.n, want.n);
}

static void wants_more(struct str in)
{
	gives(&in, STR_NONE);
	cr_assert_eq(in.n, 0);
	cr_assert_not(grpc_reader_at_boundary(&reader));
}

static void refused(struct str in, enum err want)
{
	struct str got = STR("untouched");
	enum err err = grpc_reader_take(&reader, &in, &got);
	cr_assert_eq(err, want, "%s, not %s", err_info(err)->code, err_info(want)->code);
	cr_assert(str_eq(got, STR("untouched")));
}

Test(grpc_reader, a_stream_may_end_before_its_first_byte)
{
	struct str in = STR_NONE;
	cr_assert(grpc_reader_at_boundary(&reader));
	gives(&in, STR_NONE);
	cr_assert(grpc_reader_at_boundary(&reader));
}

Test(grpc_reader, one_piece_gives_its_message)
{
	struct str in = framed(0, STR("hello"));
	gives(&in, STR("hello"));
	cr_assert_eq(in.n, 0);
	cr_assert(grpc_reader_at_boundary(&reader));
	cr_assert_not(reader.compressed);
}

Test(grpc_reader, one_byte_at_a_time_gives_the_same)
{
	struct str all = framed(0, STR("hello"));
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i + 1 < all.n; i++)
			wants_more(str_from(all.p + i, 1));
		struct str last = str_from(all.p + all.n - 1, 1);
		gives(&last, STR("hello"));
		cr_assert(grpc_reader_at_boundary(&reader));
	}
}

Test(grpc_reader, several_messages_in_one_piece_come_one_by_one)
{
	struct sbuf all = sbuf_in(arena, 64);
	sbuf_put(&all, framed(0, STR("one")));
	sbuf_put(&all, framed(0, STR("")));
	sbuf_put(&all, framed(0, STR("three")));
	sbuf_put(&all, str_from("\0\0", 2));
	struct str in = sbuf_str(&all);
	gives(&in, STR("one"));
	gives(&in, STR(""));
	gives(&in, STR("three"));
	cr_assert(grpc_reader_at_boundary(&reader));
	wants_more(in);
}

Test(grpc_reader, an_empty_message_is_a_message)
{
	struct str in = framed(0, STR(""));
	gives(&in, STR(""));
	cr_assert(grpc_reader_at_boundary(&reader));
	gives(&in, STR_NONE);
	cr_assert(grpc_reader_at_boundary(&reader));
}

Test(grpc_reader, a_stream_may_not_end_within_a_message)
{
	struct str all = framed(0, STR("hello"));
	for (size_t n = 1; n < all.n; n++) {
		wants_more(str_from(all.p, n));
		grpc_reader_release(&reader);
		cr_assert(grpc_reader_at_boundary(&reader));
	}
}

Test(grpc_reader, the_largest_message_is_taken)
{
	struct str in = framed(0, filled(GRPC_MESSAGE_MAX));
	gives(&in, filled(GRPC_MESSAGE_MAX));
}

Test(grpc_reader, one_byte_more_is_refused_before_it_comes)
{
	refused(str_from(framed(0, filled(GRPC_MESSAGE_MAX + 1)).p, GRPC_PREFIX_LEN), ERR_BODY_TOO_LARGE);
	cr_assert_null(reader.message);
}

Test(grpc_reader, a_length_of_four_gigabytes_costs_nothing)
{
	refused(STR("\0\xff\xff\xff\xff"
		    "abc"),
		ERR_BODY_TOO_LARGE);
	cr_assert_null(reader.message);
}

Test(grpc_reader, each_byte_of_the_length_counts)
{
	struct str in = framed(0, filled(0x1234));
	gives(&in, filled(0x1234));
	refused(STR("\0\x01\0\0\0"), ERR_BODY_TOO_LARGE);
	grpc_reader_release(&reader);
	refused(STR("\0\0\x01\0\0"), ERR_BODY_TOO_LARGE);
}

Test(grpc_reader, flags_other_than_0_and_1_are_refused)
{
	reader.gzip = true;
	refused(framed(2, STR("hello")), ERR_MALFORMED_MESSAGE);
	grpc_reader_release(&reader);
	reader.gzip = true;
	refused(framed((char)0x81, packed(STR("hello"))), ERR_MALFORMED_MESSAGE);
}

Test(grpc_reader, compressed_needs_an_encoding)
{
	refused(framed(1, packed(STR("hello"))), ERR_MALFORMED_MESSAGE);
}

Test(grpc_reader, a_gzip_stream_may_mix_compressed_and_plain)
{
	reader.gzip = true;
	struct sbuf all = sbuf_in(arena, 128);
	sbuf_put(&all, framed(1, packed(STR("one"))));
	sbuf_put(&all, framed(0, STR("two")));
	sbuf_put(&all, framed(1, packed(STR(""))));
	struct str in = sbuf_str(&all);
	gives(&in, STR("one"));
	cr_assert(reader.compressed);
	gives(&in, STR("two"));
	cr_assert_not(reader.compressed);
	gives(&in, STR(""));
	cr_assert(reader.compressed);
}

Test(grpc_reader, a_compressed_message_may_come_in_pieces)
{
	reader.gzip = true;
	struct str all = framed(1, packed(filled(3000)));
	for (size_t i = 0; i + 1 < all.n; i++)
		wants_more(str_from(all.p + i, 1));
	struct str last = str_from(all.p + all.n - 1, 1);
	gives(&last, filled(3000));
}

Test(grpc_reader, the_limit_holds_for_what_comes_out)
{
	reader.gzip = true;
	struct str in = framed(1, packed(filled(GRPC_MESSAGE_MAX)));
	gives(&in, filled(GRPC_MESSAGE_MAX));
	refused(framed(1, packed(filled(GRPC_MESSAGE_MAX + 1))), ERR_BODY_TOO_LARGE);
}

Test(grpc_reader, a_bomb_is_too_large)
{
	reader.gzip = true;
	refused(framed(1, packed(filled(512 * 1024))), ERR_BODY_TOO_LARGE);
}

Test(grpc_reader, what_is_not_one_whole_gzip_member_is_malformed)
{
	struct str one = packed(STR("hello"));
	struct sbuf two = sbuf_in(arena, 2 * one.n);
	sbuf_put(&two, one);
	sbuf_put(&two, one);
	const struct str bad[] = {STR("hello"), STR(""), str_from(one.p, one.n - 1), str_from(sbuf_str(&two).p, one.n + 1), sbuf_str(&two)};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		reader.gzip = true;
		refused(framed(1, bad[i]), ERR_MALFORMED_MESSAGE);
		grpc_reader_release(&reader);
	}
}

Test(grpc_reader, release_leaves_an_empty_reader)
{
	reader.gzip = true;
	struct str in = framed(1, packed(STR("hello")));
	gives(&in, STR("hello"));
	grpc_reader_release(&reader);
	grpc_reader_release(&reader);
	cr_assert(reader.message == NULL && reader.plain == NULL && !reader.gzip);
	in = framed(0, STR("again"));
	gives(&in, STR("again"));
}
