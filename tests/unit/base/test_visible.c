#include <criterion/criterion.h>

#include "base/visible.h"

static const struct {
	const char *text, *shown; /* NULL: as it is */
	const char *what;
} cases[] = {
	{"", NULL, "nothing"},
	{"Acme Inc. ~ \"\\", NULL, "ASCII"},
	{"Gr\xc3\xb6\xc3\x9f"
	 "e \xe6\xa0\xaa\xe5\xbc\x8f",
	 NULL, "letters of other scripts"},
	{"a\xc2\xa0"
	 "b\xe3\x80\x80"
	 "c",
	 NULL, "spaces that have a width"},
	{"\xdb\x8c\xe2\x80\x8c\xd8\xae", NULL, "a non-joiner between Arabic letters"},
	{"\xe0\xa4\x95\xe0\xa5\x8d\xe2\x80\x8d\xe0\xa4\xb7", NULL, "a joiner behind a virama"},
	{"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb", NULL, "two emoji joined"},
	{"\xe2\x9d\xa4\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x94\xa5", NULL, "a variation, joined"},
	{"\xe8\x91\x9b\xf3\xa0\x84\x80", NULL, "an ideograph's variation"},
	{"a\nb", "a\\u000ab", "a line feed"},
	{"a\x1b[2J", "a\\u001b[2J", "an escape sequence"},
	{"a\x7f", "a\\u007f", "DEL"},
	{"a\xc2\x85", "a\\u0085", "C1: next line"},
	{"a\xc2\x9b"
	 "2J",
	 "a\\u009b2J", "C1: control sequence introducer"},
	{"a\xc2\xad"
	 "b",
	 "a\\u00adb", "a soft hyphen"},
	{"a\xd8\x9c", "a\\u061c", "Arabic letter mark"},
	{"a\xe2\x80\x8b", "a\\u200b", "zero width space"},
	{"a\xe2\x80\x8e", "a\\u200e", "left-to-right mark"},
	{"a\xe2\x80\x8f", "a\\u200f", "right-to-left mark"},
	{"a\xe2\x80\xa8", "a\\u2028", "line separator"},
	{"a\xe2\x80\xa9", "a\\u2029", "paragraph separator"},
	{"a\xe2\x80\xae"
	 "b",
	 "a\\u202eb", "right-to-left override"},
	{"a\xe2\x81\xa0", "a\\u2060", "word joiner"},
	{"a\xe2\x81\xa6", "a\\u2066", "left-to-right isolate"},
	{"\xef\xbb\xbf"
	 "a",
	 "\\ufeffa", "byte order mark"},
	{"a\xef\xb7\x90", "a\\ufdd0", "a noncharacter"},
	{"a\xef\xbf\xbf", "a\\uffff", "another"},
	{"a\xf0\x9f\xbf\xbe", "a\\ud83f\\udffe", "and one beyond the BMP"},
	{"a\xe3\x85\xa4", "a\\u3164", "a filler"},
	{"a\xf3\xa0\x80\x81", "a\\udb40\\udc01", "a tag"},
	{"ac\xe2\x80\x8dme", "ac\\u200dme", "a joiner between Latin letters"},
	{"\xe2\x80\x8d\xd8\xae", "\\u200d\xd8\xae", "a joiner at the front"},
	{"\xd8\xae\xe2\x80\x8c", "\xd8\xae\\u200c", "a non-joiner at the end"},
	{"\xd8\xae\xe2\x80\x8c\xe2\x80\x8c\xd8\xae", "\xd8\xae\\u200c\\u200c\xd8\xae", "two of them"},
	{"a\xef\xb8\x8f", "a\\ufe0f", "a selector behind a Latin letter"},
	{"\xe2\x9d\xa4\xef\xb8\x8f\xef\xb8\x8f", "\xe2\x9d\xa4\xef\xb8\x8f\\ufe0f", "the second of two selectors"},
	{"a\xff"
	 "b\xe2\x82",
	 "a\xef\xbf\xbd"
	 "b\xef\xbf\xbd\xef\xbf\xbd",
	 "bytes that aren't UTF-8"},
};

Test(visible, what_is_hidden_is_told_and_shown)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char space[256];
		struct sbuf out = sbuf_fixed(space, sizeof space);
		struct str text = str_of(cases[i].text);
		sbuf_put_visible(&out, text, "");
		cr_expect_eq(text_is_visible(text, ""), cases[i].shown == NULL, "%s", cases[i].what);
		cr_expect_str_eq(space, cases[i].shown == NULL ? cases[i].text : cases[i].shown, "%s", cases[i].what);
	}
	cr_expect(text_is_visible(STR_NONE, ""));
	cr_expect_not(text_is_visible(STR("a\0b"), ""));
}

Test(visible, control_characters_stay_where_they_are_meant)
{
	char space[64];
	struct sbuf out = sbuf_fixed(space, sizeof space);
	sbuf_put_visible(&out, STR("a\r\n\tb\0\xc2\x85"), "\r\n");
	cr_expect_str_eq(space, "a\r\n\\u0009b\\u0000\\u0085");
	cr_expect(text_is_visible(STR("a\r\nb"), "\n\r"));
	cr_expect_not(text_is_visible(STR("a\r\nb"), "\n"));
}
