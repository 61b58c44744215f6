#include <criterion/criterion.h>

#include <stdio.h>

#include "base/sbuf.h"

static void expect(const struct sbuf *b, const char *want)
{
	struct str got = sbuf_str(b);
	cr_assert(str_eq(got, str_of(want)), "got '%.*s', want '%s'", STR_ARG(got), want);
	cr_assert_eq(got.p[got.n], '\0');
}

static void expect_json(struct str s, const char *want)
{
	char space[256];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_put_json(&b, s);
	expect(&b, want);
}

Test(sbuf, text_gathers_from_left_to_right)
{
	char space[64];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_put(&b, STR("a"));
	sbuf_putz(&b, "bc");
	sbuf_putc(&b, '-');
	sbuf_puti(&b, 42);
	sbuf_printf(&b, " %s=%d", "x", 7);
	sbuf_put(&b, STR_NONE);
	sbuf_put_base64url(&b, STR_NONE);
	expect(&b, "abc-42 x=7");
}

Test(sbuf, integers_are_written_over_the_whole_range)
{
	char space[64];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_puti(&b, 0);
	sbuf_putc(&b, ' ');
	sbuf_puti(&b, INT64_MIN);
	sbuf_putc(&b, ' ');
	sbuf_puti(&b, INT64_MAX);
	expect(&b, "0 -9223372036854775808 9223372036854775807");
}

Test(sbuf, a_fixed_buffer_can_be_filled_up_to_its_nul)
{
	char space[4];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_putz(&b, "abc");
	expect(&b, "abc");
	sbuf_putc(&b, 'd');
	cr_assert(b.overflow);
	cr_assert_str_eq(space, "abc");
}

Test(sbuf, overflow_sticks_even_if_a_later_text_would_fit)
{
	char space[4];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_putz(&b, "abcd");
	sbuf_putz(&b, "x");
	sbuf_printf(&b, "%d", 1);
	cr_assert_null(sbuf_str(&b).p);
	cr_assert_str_eq(space, "");
}

Test(sbuf, printf_that_does_not_fit_adds_nothing)
{
	char space[4];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_printf(&b, "%d", 1234);
	cr_assert_null(sbuf_str(&b).p);
	cr_assert_str_eq(space, "");
}

Test(sbuf, an_arena_buffer_grows_and_keeps_what_it_has)
{
	struct arena *a = arena_new(1 << 16);
	struct sbuf b = sbuf_in(a, 0);
	for (int i = 0; i < 1000; i++)
		sbuf_printf(&b, "%03d,", i);
	struct str s = sbuf_str(&b);
	cr_assert_eq(s.n, 4000);
	cr_assert(str_starts(s, STR("000,001,002,")));
	cr_assert_eq(memcmp(s.p + 3996, "999,", 5), 0);
	arena_free(a);
}

Test(sbuf, an_arena_buffer_overflows_with_its_arena)
{
	struct arena *a = arena_new(64);
	struct sbuf b = sbuf_in(a, 16);
	for (int i = 0; i < 64; i++)
		sbuf_putc(&b, 'x');
	cr_assert(b.overflow);
	cr_assert(arena_overflowed(a));
	cr_assert_null(sbuf_str(&b).p);

	struct sbuf none = sbuf_in(a, 1);
	sbuf_putc(&none, 'x');
	cr_assert_null(sbuf_str(&none).p);
	cr_assert_str_eq(none.p, "");
	arena_free(a);
}

Test(sbuf, json_strings_escape_what_rfc_8259_demands_and_nothing_else)
{
	expect_json(STR("plain </&> \x7f"), "\"plain </&> \x7f\"");
	expect_json(STR("a\"b\\c"), "\"a\\\"b\\\\c\"");
	expect_json(STR("\n\x01\x1f"), "\"\\u000a\\u0001\\u001f\"");
	expect_json(STR("a\0b"), "\"a\\u0000b\"");
	expect_json(STR(""), "\"\"");
}

/* Text is looked at eight bytes at a time: every byte, at every place of such a group and behind
 * one, against the same byte alone. */
Test(sbuf, json_escapes_alike_wherever_a_byte_stands)
{
	for (unsigned c = 0; c < 256; c++) {
		char text[24], alone[16], want[64];
		struct sbuf one = sbuf_fixed(alone, sizeof alone);
		char byte = (char)c;
		sbuf_put_json(&one, str_from(&byte, 1));
		for (size_t at = 0; at < sizeof text; at++) {
			memset(text, 'x', sizeof text);
			text[at] = byte;
			snprintf(want, sizeof want, "\"%.*s%.*s%.*s\"", (int)at, "xxxxxxxxxxxxxxxxxxxxxxxx", (int)one.n - 2, alone + 1,
				 (int)(sizeof text - at - 1), "xxxxxxxxxxxxxxxxxxxxxxxx");
			expect_json(str_from(text, sizeof text), want);
		}
	}
}

Test(sbuf, json_keeps_valid_utf8_and_replaces_every_other_byte)
{
	expect_json(STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
	expect_json(STR("a\xff"
			"b"),
		    "\"a\xef\xbf\xbd"
		    "b\"");
	expect_json(STR("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
	expect_json(STR("\xe2\x82\""), "\"\xef\xbf\xbd\xef\xbf\xbd\\\"\"");
}

Test(sbuf, json_escapes_what_is_hidden)
{
	expect_json(STR("a\xc2\x9b"
			"2J\xe2\x80\xae"),
		    "\"a\\u009b2J\\u202e\"");
	expect_json(STR("\xf3\xa0\x80\x81z"), "\"\\udb40\\udc01z\"");
}

Test(sbuf, an_absent_json_string_is_null)
{
	expect_json(STR_NONE, "null");
}

Test(sbuf, base64url_is_written_without_padding)
{
	char space[64];
	struct sbuf b = sbuf_fixed(space, sizeof space);
	sbuf_put_base64url(&b, STR("\xfb\xff"));
	expect(&b, "-_8");
}
