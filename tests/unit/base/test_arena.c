#include <criterion/criterion.h>

#include <stdalign.h>

#include "base/arena.h"

static struct arena *arena;

static void make(void)
{
	arena = arena_new(10000);
	cr_assert_not_null(arena);
}

static void drop(void)
{
	arena_free(arena);
}

TestSuite(arena, .init = make, .fini = drop);

Test(arena, pieces_are_zeroed_aligned_and_apart)
{
	unsigned char *before = NULL;
	for (int i = 0; i < 100; i++) {
		unsigned char *p = arena_alloc(arena, 33);
		cr_assert_not_null(p);
		cr_assert_eq((uintptr_t)p % alignof(max_align_t), 0);
		for (int j = 0; j < 33; j++)
			cr_assert_eq(p[j], 0);
		memset(p, 0xff, 33);
		cr_assert(before == NULL || p >= before + 33 || p + 33 <= before);
		before = p;
	}
}

Test(arena, empty_pieces_have_addresses_of_their_own)
{
	void *a = arena_alloc(arena, 0), *b = arena_alloc(arena, 0);
	cr_assert(a != NULL && b != NULL && a != b);
}

Test(arena, a_piece_larger_than_a_block_is_given_whole)
{
	char *p = arena_alloc(arena, 9000);
	cr_assert_not_null(p);
	memset(p, 1, 9000);
	cr_assert_geq(arena_used(arena), 9000);
}

Test(arena, the_cap_can_be_filled_to_its_last_byte)
{
	struct arena *a = arena_new(8192);
	for (int i = 0; i < 8192 / 64; i++)
		cr_assert_not_null(arena_alloc(a, 64), "piece %d", i);
	cr_assert_eq(arena_used(a), 8192);
	cr_assert_not(arena_overflowed(a));
	cr_assert_null(arena_alloc(a, 1));
	arena_free(a);
}

Test(arena, once_overflowed_nothing_fits_any_more)
{
	cr_assert_not_null(arena_alloc(arena, 100));
	cr_assert_not(arena_overflowed(arena));
	cr_assert_null(arena_alloc(arena, 10001));
	cr_assert(arena_overflowed(arena));
	cr_assert_null(arena_alloc(arena, 1));
	cr_assert_null(arena_copy(arena, STR("x")).p);
	cr_assert_null(arena_printf(arena, "%d", 1).p);
}

Test(arena, a_size_that_would_wrap_around_is_an_overflow)
{
	cr_assert_null(arena_alloc(arena, SIZE_MAX));
	cr_assert(arena_overflowed(arena));
}

Test(arena, reset_gives_everything_back_and_clears_the_overflow)
{
	unsigned char *p = arena_alloc(arena, 5000);
	memset(p, 0xff, 5000);
	cr_assert_null(arena_alloc(arena, 9999));
	arena_reset(arena);
	cr_assert_not(arena_overflowed(arena));
	cr_assert_eq(arena_used(arena), 0);

	p = arena_alloc(arena, 9000);
	cr_assert_not_null(p);
	for (int i = 0; i < 9000; i++)
		cr_assert_eq(p[i], 0);
}

Test(arena, a_copy_is_independent_and_nul_terminated)
{
	char text[] = "hello";
	struct str copy = arena_copy(arena, str_from(text, 4));
	text[0] = 'j';
	cr_assert_eq(copy.n, 4);
	cr_assert_str_eq(copy.p, "hell");
	cr_assert_null(arena_copy(arena, STR_NONE).p);
	cr_assert_str_eq(arena_copy(arena, STR("")).p, "");
	cr_assert_not(arena_overflowed(arena));
}

Test(arena, formatted_text_has_its_exact_length)
{
	struct str s = arena_printf(arena, "%s-%03d", "key", 7);
	cr_assert_eq(s.n, 7);
	cr_assert_str_eq(s.p, "key-007");
}

Test(arena, freeing_nothing_is_allowed)
{
	arena_free(NULL);
}

#ifndef M2M_ARENA_SEPARATE
/* Only blocks that are kept can be looked at after a reset. */
Test(arena, reset_wipes_when_asked_to)
{
	char *p = arena_alloc(arena, 16);
	memcpy(p, "a secret", 8);
	arena_reset(arena);
	cr_assert_eq(memcmp(p, "a secret", 8), 0, "not asked to wipe");

	p = arena_alloc(arena, 16);
	memcpy(p, "a secret", 8);
	arena_wipe_on_free(arena);
	arena_reset(arena);
	cr_assert_eq(memcmp(p, "\0\0\0\0\0\0\0\0", 8), 0);
}
#endif
