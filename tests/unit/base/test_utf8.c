#include <criterion/criterion.h>

#include "base/utf8.h"

Test(utf8, the_edges_of_each_length_are_valid)
{
	cr_assert_eq(utf8_next(STR("\x7f")), 1);
	cr_assert_eq(utf8_next(STR("\xc2\x80")), 2);
	cr_assert_eq(utf8_next(STR("\xdf\xbf")), 2);
	cr_assert_eq(utf8_next(STR("\xe0\xa0\x80")), 3);
	cr_assert_eq(utf8_next(STR("\xed\x9f\xbf")), 3);
	cr_assert_eq(utf8_next(STR("\xee\x80\x80")), 3);
	cr_assert_eq(utf8_next(STR("\xef\xbf\xbf")), 3);
	cr_assert_eq(utf8_next(STR("\xf0\x90\x80\x80")), 4);
	cr_assert_eq(utf8_next(STR("\xf4\x8f\xbf\xbf")), 4);
	cr_assert_eq(utf8_next(STR("a\xff")), 1);
}

Test(utf8, what_rfc_3629_forbids_is_invalid)
{
	static const struct {
		struct str bytes;
		const char *what;
	} bad[] = {
		{STR(""), "nothing"},
		{STR("\x80"), "a continuation byte alone"},
		{STR("\xc0\x80"), "overlong NUL"},
		{STR("\xc1\xbf"), "overlong, two bytes"},
		{STR("\xe0\x9f\xbf"), "overlong, three bytes"},
		{STR("\xf0\x8f\xbf\xbf"), "overlong, four bytes"},
		{STR("\xed\xa0\x80"), "a surrogate"},
		{STR("\xf4\x90\x80\x80"), "above U+10FFFF"},
		{STR("\xf5\x80\x80\x80"), "a lead byte that no character has"},
		{STR("\xff"), "never a byte of UTF-8"},
		{STR("\xc3"), "cut after the lead byte"},
		{STR("\xe2\x82"), "cut in the middle"},
		{STR("\xe2\x82\x41"), "a letter for a continuation byte"},
		{STR("\xf0\x9f\x41\x80"), "a letter in the middle"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		cr_assert_eq(utf8_next(bad[i].bytes), 0, "%s", bad[i].what);
}
