#include <criterion/criterion.h>

#include "base/str.h"

static void expect(struct str got, const char *want)
{
	cr_assert(str_eq(got, str_of(want)), "got '%.*s', want '%s'", STR_ARG(got), want == NULL ? "(absent)" : want);
}

Test(str, equality_compares_bytes_and_length)
{
	cr_assert(str_eq(STR("abc"), STR("abc")));
	cr_assert_not(str_eq(STR("abc"), STR("abd")));
	cr_assert_not(str_eq(STR("abc"), STR("ab")));
	cr_assert_not(str_eq(STR("a\0b"), STR("a\0c")));
}

Test(str, absent_equals_only_absent)
{
	cr_assert(str_eq(STR_NONE, STR_NONE));
	cr_assert_not(str_eq(STR_NONE, STR("")));
	cr_assert_not(str_eq(STR(""), STR_NONE));
	cr_assert_not(str_eq_nocase(STR(""), STR_NONE));
	cr_assert(str_eq_nocase(STR_NONE, STR_NONE));
}

Test(str, case_is_folded_for_ascii_letters_only)
{
	cr_assert(str_eq_nocase(STR("Content-TYPE"), STR("content-type")));
	cr_assert_not(str_eq_nocase(STR("@"), STR("`")));
	cr_assert_not(str_eq_nocase(STR("["), STR("{")));
	cr_assert_not(str_eq_nocase(STR("\xc4"), STR("\xe4")));
}

Test(str, a_prefix_is_found_at_the_front_only)
{
	cr_assert(str_starts(STR("Bearer x"), STR("Bearer ")));
	cr_assert(str_starts(STR("x"), STR("")));
	cr_assert_not(str_starts(STR("Bear"), STR("Bearer")));
	cr_assert_not(str_starts(STR(" Bearer"), STR("Bearer")));
	cr_assert_not(str_starts(STR_NONE, STR("")));
}

Test(str, trimming_drops_spaces_and_tabs_but_not_line_ends)
{
	expect(str_trim(STR(" \t a b\t ")), "a b");
	expect(str_trim(STR("\na\r")), "\na\r");
	expect(str_trim(STR(" \t ")), "");
	expect(str_trim(STR_NONE), NULL);
}

Test(str, splitting_walks_through_all_parts_and_then_gives_absent)
{
	struct str rest = STR("a,,b,");
	expect(str_split(&rest, ','), "a");
	expect(str_split(&rest, ','), "");
	expect(str_split(&rest, ','), "b");
	expect(str_split(&rest, ','), "");
	expect(rest, NULL);
	expect(str_split(&rest, ','), NULL);
}

Test(str, splitting_without_a_separator_takes_all)
{
	struct str rest = STR("abc");
	expect(str_split(&rest, ','), "abc");
	expect(rest, NULL);
}

Test(str, integers_are_read_over_the_whole_range)
{
	int64_t v = 0;
	cr_assert_eq(str_to_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v), ERR_OK);
	cr_assert_eq(v, INT64_MAX);
	cr_assert_eq(str_to_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v), ERR_OK);
	cr_assert_eq(v, INT64_MIN);
	cr_assert_eq(str_to_i64(STR("007"), 0, 9, &v), ERR_OK);
	cr_assert_eq(v, 7);
}

Test(str, integers_outside_of_the_range_are_too_large)
{
	int64_t v = 42;
	cr_assert_eq(str_to_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &v), ERR_TOO_LARGE);
	cr_assert_eq(str_to_i64(STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &v), ERR_TOO_LARGE);
	cr_assert_eq(str_to_i64(STR("99999999999999999999999999999999"), INT64_MIN, INT64_MAX, &v), ERR_TOO_LARGE);
	cr_assert_eq(str_to_i64(STR("604801"), 0, 604800, &v), ERR_TOO_LARGE);
	cr_assert_eq(str_to_i64(STR("-1"), 0, 604800, &v), ERR_TOO_LARGE);
	cr_assert_eq(v, 42);
}

Test(str, what_is_not_a_decimal_integer_is_malformed)
{
	static const struct str bad[] = {STR_NONE,   STR(""),     STR("-"),   STR("+1"),  STR(" 1"),  STR("1 "),
					 STR("--1"), STR("0x10"), STR("1.0"), STR("1e3"), STR("1\0"), STR("99999999999999999999999x")};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int64_t v = 42;
		cr_assert_eq(str_to_i64(bad[i], INT64_MIN, INT64_MAX, &v), ERR_MALFORMED, "case %zu", i);
		cr_assert_eq(v, 42);
	}
}

Test(str, a_word_is_made_of_letters_digits_and_the_given_set)
{
	cr_assert(str_is_word(STR("azAZ09._-"), "._-"));
	cr_assert(str_is_word(STR(""), ""));
	cr_assert_not(str_is_word(STR("a b"), "._-"));
	cr_assert_not(str_is_word(STR("a-b"), ""));
	cr_assert_not(str_is_word(STR("a\0b"), "._-"));
	cr_assert_not(str_is_word(STR("\xc3\xa4"), "._-"));
}
