#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "grpc/gzip.h"

#define CAP (16 * 1024)

/* "hello, gRPC", as another program writes it. */
static const struct str hello =
	STR("\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\xd7\x51\x48\x0f\x0a\x70\x06\x00\xbe\x60\xbb\xdb\x0b\x00\x00\x00");

static struct arena *arena;
static char *out; /* on the heap, so that the sanitizers see its end */

static void up(void)
{
	arena = arena_new(8 << 20);
	out = malloc(CAP);
	cr_assert(arena != NULL && out != NULL);
}

static void down(void)
{
	arena_free(arena);
	free(out);
}

TestSuite(gzip, .init = up, .fini = down);

/* The same bytes at each call: a mixture that compresses little. */
static struct str noise(size_t n)
{
	char *p = arena_alloc(arena, n);
	uint32_t x = 1;
	cr_assert_not_null(p);
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (char)(x >> 24);
	}
	return str_from(p, n);
}

static struct str zeros(size_t n)
{
	return str_from(arena_alloc(arena, n), n);
}

static struct str joined(struct str a, struct str b)
{
	struct sbuf both = sbuf_in(arena, a.n + b.n);
	sbuf_put(&both, a);
	sbuf_put(&both, b);
	return sbuf_str(&both);
}

static struct str compressed(struct str in)
{
	struct str packed = gzip_deflate(arena, in, 0);
	cr_assert_not_null(packed.p);
	return packed;
}

static void gives(struct str in, struct str want)
{
	size_t n = SIZE_MAX;
	cr_assert_eq(gzip_inflate(in, out, CAP, &n), ERR_OK);
	cr_assert(str_eq(str_from(out, n), want));
}

static void refused(struct str in, enum err want)
{
	size_t n = 77;
	enum err err = gzip_inflate(in, out, CAP, &n);
	cr_assert_eq(err, want, "%s, not %s", err_info(err)->code, err_info(want)->code);
	cr_assert_eq(n, 77, "the length must stay untouched");
}

Test(gzip, reads_what_others_write)
{
	gives(hello, STR("hello, gRPC"));
}

Test(gzip, reads_a_header_with_a_file_name)
{
	struct str named = joined(STR("\x1f\x8b\x08\x08\x00\x00\x00\x00\x02\xff"
				      "a.txt\0"),
				  str_from(hello.p + 10, hello.n - 10));
	gives(named, STR("hello, gRPC"));
}

Test(gzip, what_was_compressed_comes_back)
{
	gives(compressed(STR("")), STR(""));
	gives(compressed(STR("a")), STR("a"));
	gives(compressed(noise(1000)), noise(1000));
	gives(compressed(noise(CAP)), noise(CAP));
	gives(compressed(zeros(CAP)), zeros(CAP));
}

Test(gzip, repetition_gets_shorter)
{
	cr_assert_lt(compressed(zeros(CAP)).n, 200);
}

Test(gzip, the_bytes_before_the_result_are_the_callers)
{
	struct str packed = gzip_deflate(arena, STR("hello, gRPC"), 5);
	cr_assert_not_null(packed.p);
	memcpy((char *)packed.p - 5, "\x01\x02\x03\x04\x05", 5);
	gives(packed, STR("hello, gRPC"));
}

Test(gzip, compressing_says_when_the_arena_is_full)
{
	struct arena *small = arena_new(64);
	cr_assert_not_null(small);
	cr_assert_null(gzip_deflate(small, noise(1000), 5).p);
	cr_assert(arena_overflowed(small));
	arena_free(small);
}

Test(gzip, one_byte_more_than_the_room_is_too_large)
{
	refused(compressed(noise(CAP + 1)), ERR_TOO_LARGE);
	refused(compressed(zeros(CAP + 1)), ERR_TOO_LARGE);
}

Test(gzip, a_bomb_stops_at_the_room_it_has)
{
	struct str bomb = compressed(zeros(2 << 20));
	cr_assert_lt(bomb.n, CAP);
	refused(bomb, ERR_TOO_LARGE);
}

Test(gzip, a_member_cut_anywhere_is_refused)
{
	for (size_t n = 0; n < hello.n; n++) {
		char *part = malloc(n + 1);
		cr_assert_not_null(part);
		memcpy(part, hello.p, n);
		refused(str_from(part, n), ERR_MALFORMED);
		free(part);
	}
}

/* The room is full at the very place where the member breaks off: nothing says that more would
 * have come. */
Test(gzip, a_full_room_does_not_hide_that_the_trailer_is_missing)
{
	struct str packed = compressed(zeros(CAP));
	refused(str_from(packed.p, packed.n - 8), ERR_MALFORMED);
	refused(str_from(packed.p, packed.n - 1), ERR_MALFORMED);
}

Test(gzip, bytes_after_the_member_are_refused)
{
	refused(joined(hello, STR("\0")), ERR_MALFORMED);
	refused(joined(hello, STR("x")), ERR_MALFORMED);
}

Test(gzip, a_second_member_is_refused)
{
	refused(joined(hello, hello), ERR_MALFORMED);
}

Test(gzip, a_wrong_checksum_or_length_is_refused)
{
	for (size_t at = hello.n - 8; at < hello.n; at++) {
		struct str broken = arena_copy(arena, hello);
		((char *)broken.p)[at] ^= 1;
		refused(broken, ERR_MALFORMED);
	}
}

Test(gzip, other_forms_of_deflate_are_refused)
{
	/* zlib's */
	refused(STR("\x78\x9c\xcb\x48\xcd\xc9\xc9\xd7\x51\x48\x0f\x0a\x70\x06\x00\x17\xc7\x03\xad"), ERR_MALFORMED);
	/* none */
	refused(str_from(hello.p + 10, hello.n - 18), ERR_MALFORMED);
	refused(STR("hello, gRPC"), ERR_MALFORMED);
	refused(STR_NONE, ERR_MALFORMED);
}
