#include <criterion/criterion.h>

#include "crypto/key_wrap.h"
#include "crypto_test.h"

TestSuite(key_wrap, .init = crypto_up, .fini = crypto_down);

static struct str wrapped(struct str plain)
{
	struct str ret = STR_NONE;

	cr_assert_eq(key_wrap(arena, &ring.keys[0], STR("kid-1"), plain, &ret), ERR_OK);
	cr_assert_eq(ret.n, plain.n + KEY_WRAP_OVERHEAD);
	return ret;
}

Test(key_wrap, what_is_wrapped_opens_again)
{
	struct str plain;

	cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-1"), wrapped(STR("a private key")), &plain), ERR_OK);
	cr_assert(str_eq(plain, STR("a private key")));
	cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-1"), wrapped(STR("")), &plain), ERR_OK);
	cr_assert_eq(plain.n, 0);
}

/* python3: n = bytes(range(12))
 *   (n + AESGCM(bytes.fromhex("19dc...72f1")).encrypt(n, b"a private key", b"kid-1")).hex() the
 *   wrapping key of test_master_ring.c */
Test(key_wrap, what_another_implementation_wraps_opens)
{
	struct str plain, theirs = unhex("000102030405060708090a0b49d39ffe9fdb58a89da00c6eaea496bc6258d87791371ed5922fa55711");

	cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-1"), theirs, &plain), ERR_OK);
	cr_assert(str_eq(plain, STR("a private key")));
}

Test(key_wrap, the_same_text_never_looks_the_same)
{
	cr_assert_not(str_eq(wrapped(STR("x")), wrapped(STR("x"))));
}

Test(key_wrap, another_row_or_another_key_does_not_open)
{
	struct str plain = STR("untouched"), box = wrapped(STR("a private key"));

	cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-2"), box, &plain), ERR_MISMATCH);
	cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR(""), box, &plain), ERR_MISMATCH);
	ring.keys[0].wrap_key[0] ^= 1;
	cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-1"), box, &plain), ERR_MISMATCH);
	cr_assert(str_eq(plain, STR("untouched")));
}

Test(key_wrap, any_changed_or_missing_byte_is_seen)
{
	struct str plain, box = wrapped(STR("a private key"));
	char *bytes = arena_alloc(arena, box.n);

	for (size_t i = 0; i < box.n; i++) {
		memcpy(bytes, box.p, box.n);
		bytes[i] ^= 1;
		cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-1"), str_from(bytes, box.n), &plain), ERR_MISMATCH, "byte %zu", i);
		cr_assert_eq(key_unwrap(arena, &ring.keys[0], STR("kid-1"), str_from(box.p, i), &plain), ERR_MISMATCH, "length %zu", i);
	}
}

Test(key_wrap, a_full_arena_is_an_error)
{
	struct arena *small = arena_new(64);
	char plain[100] = {0};
	struct str ret;

	cr_assert_eq(key_wrap(small, &ring.keys[0], STR("kid-1"), str_from(plain, sizeof plain), &ret), ERR_NO_MEMORY);
	arena_free(small);
}
