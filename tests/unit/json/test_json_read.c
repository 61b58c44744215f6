#include <criterion/criterion.h>

#include "json/json_read.h"

static const struct json_limits limits = {.max_depth = 4, .max_values = 16};
static struct arena *arena;

static void make(void)
{
	arena = arena_new(1 << 16);
	cr_assert_not_null(arena);
}

static void drop(void)
{
	arena_free(arena);
}

TestSuite(json_read, .init = make, .fini = drop);

static const struct json *parse(struct str text)
{
	const struct json *v = NULL;
	enum err err = json_parse(arena, text, limits, &v);
	cr_assert_eq(err, ERR_OK, "%s for '%.*s'", err_info(err)->code, STR_ARG(text));
	cr_assert_not_null(v);
	return v;
}

static void refused(enum err want, struct str text, struct json_limits within)
{
	static const struct json untouched;
	const struct json *v = &untouched;
	enum err err = json_parse(arena, text, within, &v);
	cr_assert_eq(err, want, "%s for '%.*s'", err_info(err)->code, STR_ARG(text));
	cr_assert_eq(v, &untouched);
}

static void malformed(struct str text)
{
	refused(ERR_MALFORMED, text, limits);
}

static void expect_text(const struct json *v, enum json_type type, struct str want)
{
	cr_assert_not_null(v);
	cr_assert_eq(v->type, type);
	cr_assert(str_eq(v->text, want), "got '%.*s'", STR_ARG(v->text));
	cr_assert_eq(v->text.p[v->text.n], '\0');
}

Test(json_read, a_document_becomes_a_tree_in_order)
{
	const struct json *v = parse(STR("{\"a\":[1,[],{\"x\":null}],\"b\":\"t\",\"c\":true,\"d\":false}"));
	cr_assert_eq(v->type, JSON_OBJECT);
	cr_assert_null(v->key.p);
	cr_assert_null(v->next);

	const struct json *a = v->child;
	cr_assert(str_eq(a->key, STR("a")));
	cr_assert_eq(a->type, JSON_ARRAY);
	expect_text(a->child, JSON_NUMBER, STR("1"));
	cr_assert_null(a->child->key.p);
	cr_assert_eq(a->child->next->type, JSON_ARRAY);
	cr_assert_null(a->child->next->child);
	const struct json *inner = a->child->next->next;
	cr_assert_eq(inner->type, JSON_OBJECT);
	cr_assert_null(inner->next);
	cr_assert_eq(json_get(inner, "x")->type, JSON_NULL);

	cr_assert_eq(a->next, json_get(v, "b"));
	expect_text(a->next, JSON_STRING, STR("t"));
	cr_assert_eq(json_get(v, "c")->type, JSON_TRUE);
	cr_assert_eq(json_get(v, "d")->type, JSON_FALSE);
	cr_assert_null(json_get(v, "d")->next);
}

Test(json_read, the_outermost_value_may_be_of_any_type)
{
	expect_text(parse(STR(" 1 ")), JSON_NUMBER, STR("1"));
	expect_text(parse(STR("\"\"")), JSON_STRING, STR(""));
	cr_assert_eq(parse(STR("null"))->type, JSON_NULL);
	cr_assert_eq(parse(STR("\t\r\n[]"))->type, JSON_ARRAY);
}

Test(json_read, strings_are_decoded)
{
	expect_text(parse(STR("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"")), JSON_STRING, STR("\"\\/\b\f\n\r\t"));
	expect_text(parse(STR("\"\\u0041\\u00e4\\u20AC\"")), JSON_STRING, STR("A\xc3\xa4\xe2\x82\xac"));
	expect_text(parse(STR("\"\\ud83d\\uDE00!\"")), JSON_STRING, STR("\xf0\x9f\x98\x80!"));
	expect_text(parse(STR("\"\xf0\x9f\x98\x80\x7f\"")), JSON_STRING, STR("\xf0\x9f\x98\x80\x7f"));
	expect_text(parse(STR("\"\\\\ud800\"")), JSON_STRING, STR("\\ud800"));
}

Test(json_read, a_long_string_with_escapes_is_decoded_whole)
{
	enum { PAIRS = 8000 };
	/* each pair: a letter and an escaped quote */
	static char text[3 * PAIRS + 2], want[2 * PAIRS];
	text[0] = text[sizeof text - 1] = '"';
	for (int i = 0; i < PAIRS; i++) {
		want[2 * i] = text[3 * i + 1] = (char)('a' + i % 26);
		text[3 * i + 2] = '\\';
		want[2 * i + 1] = text[3 * i + 3] = '"';
	}
	expect_text(parse(str_from(text, sizeof text)), JSON_STRING, str_from(want, sizeof want));
}

Test(json_read, numbers_stay_as_written)
{
	expect_text(parse(STR("-0")), JSON_NUMBER, STR("-0"));
	expect_text(parse(STR("1.50E+3")), JSON_NUMBER, STR("1.50E+3"));
	expect_text(parse(STR("123456789012345678901234567890")), JSON_NUMBER, STR("123456789012345678901234567890"));
}

Test(json_read, the_tree_does_not_depend_on_the_text)
{
	char text[] = "{\"key\":\"value\"}";
	const struct json *v = parse(str_of(text));
	memset(text, 'x', sizeof text - 1);
	expect_text(json_get(v, "key"), JSON_STRING, STR("value"));
}

Test(json_read, nothing_but_one_whole_value_is_accepted)
{
	malformed(STR_NONE);
	malformed(STR(""));
	malformed(STR(" \n"));
	malformed(STR("1 2"));
	malformed(STR("{}{}"));
	malformed(STR("{} x"));
	malformed(STR("[1]\0"));
	malformed(STR("["));
	malformed(STR("{\"a\":"));
	malformed(STR("\"a"));
	malformed(STR("nul"));
	malformed(STR("nulll"));
	malformed(STR("]"));
	malformed(STR("[}"));
}

Test(json_read, liberties_with_the_grammar_are_refused)
{
	malformed(STR("[1,]"));
	malformed(STR("[,1]"));
	malformed(STR("{\"a\":1,}"));
	malformed(STR("{\"a\" 1}"));
	malformed(STR("{a:1}"));
	malformed(STR("{1:1}"));
	malformed(STR("{'a':1}"));
	malformed(STR("/* */ 1"));
	malformed(STR("1 // x\n"));
	malformed(STR("NaN"));
	malformed(STR("True"));
	malformed(STR("\xef\xbb\xbf{}"));
}

Test(json_read, numbers_follow_the_grammar)
{
	malformed(STR("01"));
	malformed(STR("-01"));
	malformed(STR("+1"));
	malformed(STR(".5"));
	malformed(STR("1."));
	malformed(STR("1e"));
	malformed(STR("-"));
	malformed(STR("0x10"));
}

Test(json_read, only_the_four_white_space_characters_are_white_space)
{
	malformed(STR("[1]\v"));
	malformed(STR("\f[1]"));
	malformed(STR("[\xc2\xa0]"));
}

Test(json_read, control_characters_in_strings_are_refused)
{
	malformed(STR("\"\n\""));
	malformed(STR("\"a\tb\""));
	malformed(STR("\"\x1f\""));
	malformed(STR("\"a\0b\""));
}

Test(json_read, an_escaped_nul_is_refused_in_strings_and_keys)
{
	malformed(STR("\"\\u0000\""));
	malformed(STR("{\"a\\u0000b\":1}"));
	malformed(STR("[\"ok\",\"x\\u0000\"]"));
}

Test(json_read, unknown_and_broken_escapes_are_refused)
{
	malformed(STR("\"\\v\""));
	malformed(STR("\"\\'\""));
	malformed(STR("\"\\u12\""));
	malformed(STR("\"\\u12g4\""));
	malformed(STR("\"\\"));
	malformed(STR("\\u0041"));
}

Test(json_read, half_a_surrogate_pair_is_refused)
{
	malformed(STR("\"\\ud800\""));
	malformed(STR("\"\\udc00\""));
	malformed(STR("\"\\ud800x\""));
	malformed(STR("\"\\ud800\\n\""));
	malformed(STR("\"\\ud800\\u0041\""));
	malformed(STR("\"\\ud800\\ud800\""));
	malformed(STR("\"\\udc00\\ud800\""));
	malformed(STR("\"\\ud800\\"));
}

Test(json_read, invalid_utf8_is_refused)
{
	malformed(STR("\"\xff\""));
	malformed(STR("\"\xc0\x80\""));
	malformed(STR("\"\xed\xa0\x80\""));
	malformed(STR("\"\xf5\x80\x80\x80\""));
	malformed(STR("\"\xe2\x82\""));
	malformed(STR("{\"\xe2\x82\":1}"));
}

Test(json_read, a_key_may_stand_once_in_an_object_however_it_is_spelled)
{
	malformed(STR("{\"a\":1,\"a\":1}"));
	malformed(STR("{\"a\":1,\"b\":2,\"a\":3}"));
	malformed(STR("{\"a\":1,\"\\u0061\":2}"));
	malformed(STR("{\"\":1,\"\":2}"));
	malformed(STR("[{\"x\":{\"a\":1,\"a\":2}}]"));
}

Test(json_read, equal_keys_in_different_objects_are_no_duplicates)
{
	parse(STR("{\"a\":{\"a\":1},\"b\":[{\"a\":1},{\"a\":2}],\"A\":1}"));
}

Test(json_read, depth_is_limited)
{
	struct json_limits flat = {.max_depth = 1, .max_values = 100};
	const struct json *v = NULL;
	cr_assert_eq(json_parse(arena, STR("{\"a\":1,\"b\":2}"), flat, &v), ERR_OK);
	refused(ERR_TOO_LARGE, STR("{\"a\":[]}"), flat);
	refused(ERR_TOO_LARGE, STR("[{}]"), flat);
	parse(STR("[[[[]]],[[[]]]]"));
	refused(ERR_TOO_LARGE, STR("[[[[[]]]]]"), limits);

	static char deep[10000];
	memset(deep, '[', sizeof deep);
	refused(ERR_TOO_LARGE, str_from(deep, sizeof deep), limits);

	struct json_limits scalar = {.max_depth = 0, .max_values = 1};
	cr_assert_eq(json_parse(arena, STR("1"), scalar, &v), ERR_OK);
	refused(ERR_TOO_LARGE, STR("[]"), scalar);
}

Test(json_read, the_number_of_values_is_limited)
{
	struct json_limits three = {.max_depth = 4, .max_values = 3};
	const struct json *v = NULL;
	cr_assert_eq(json_parse(arena, STR("[1,2]"), three, &v), ERR_OK);
	cr_assert_eq(json_parse(arena, STR("{\"a\":[1]}"), three, &v), ERR_OK);
	refused(ERR_TOO_LARGE, STR("[1,2,3]"), three);
	refused(ERR_TOO_LARGE, STR("[1,[2],3]"), three);
	refused(ERR_TOO_LARGE, STR("[null,true,\"x\"]"), three);
}

Test(json_read, a_full_arena_is_too_large_wherever_it_happens)
{
	for (size_t cap = 0; cap < 1024; cap += 16) {
		struct arena *small = arena_new(cap);
		const struct json *v = NULL;
		enum err err = json_parse(small, STR("{\"key\":[{\"k\":\"string\"},12,null,true,{}]}"), limits, &v);
		if (err == ERR_OK)
			cr_assert_gt(cap, 512);
		else
			cr_assert(err == ERR_TOO_LARGE && v == NULL, "cap %zu", cap);
		arena_free(small);
	}
}

Test(json_read, members_are_found_only_in_objects_that_have_them)
{
	const struct json *v = parse(STR("{\"a\":[1],\"\\u0062\":2}"));
	expect_text(json_get(v, "b"), JSON_NUMBER, STR("2"));
	cr_assert_null(json_get(v, "c"));
	cr_assert_null(json_get(v, ""));
	cr_assert_null(json_get(json_get(v, "a"), "a"));
	cr_assert_null(json_get(NULL, "a"));
}

Test(json_read, a_string_is_got_only_from_a_string)
{
	const struct json *v = parse(STR("{\"s\":\"x\",\"n\":1,\"z\":null,\"a\":[]}"));
	struct str s = STR("before");
	cr_assert_eq(json_string(json_get(v, "none"), &s), ERR_NOT_PRESENT);
	cr_assert_eq(json_string(json_get(v, "n"), &s), ERR_MALFORMED);
	cr_assert_eq(json_string(json_get(v, "z"), &s), ERR_MALFORMED);
	cr_assert_eq(json_string(json_get(v, "a"), &s), ERR_MALFORMED);
	cr_assert(str_eq(s, STR("before")));
	cr_assert_eq(json_string(json_get(v, "s"), &s), ERR_OK);
	cr_assert(str_eq(s, STR("x")));
}

Test(json_read, an_integer_is_got_only_without_fraction_exponent_or_quotes)
{
	const struct json *v = parse(STR("[60,-1,604801,1.0,1e2,\"60\",99999999999999999999]"));
	static const enum err want[] = {ERR_OK, ERR_TOO_LARGE, ERR_TOO_LARGE, ERR_MALFORMED, ERR_MALFORMED, ERR_MALFORMED, ERR_TOO_LARGE};
	int64_t n = -1;
	cr_assert_eq(json_integer(NULL, 0, 604800, &n), ERR_NOT_PRESENT);
	const struct json *element = v->child;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++, element = element->next) {
		n = -1;
		cr_assert_eq(json_integer(element, 0, 604800, &n), want[i], "element %zu", i);
		cr_assert_eq(n, want[i] == ERR_OK ? 60 : -1);
	}
}

Test(json_read, a_whole_number_may_be_written_with_fraction_and_exponent)
{
	const struct json *v = parse(STR("[60,-1,604801,1.5,60.000,60.01,604801.0,6e1,\"60\",99999999999999999999]"));
	static const enum err want[] = {ERR_OK,        ERR_TOO_LARGE, ERR_TOO_LARGE, ERR_MALFORMED, ERR_OK,
					ERR_MALFORMED, ERR_TOO_LARGE, ERR_OK,        ERR_MALFORMED, ERR_TOO_LARGE};
	int64_t n = -1;
	cr_assert_eq(json_whole(NULL, 0, 604800, &n), ERR_NOT_PRESENT);
	const struct json *element = v->child;
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++, element = element->next) {
		n = -1;
		cr_assert_eq(json_whole(element, 0, 604800, &n), want[i], "element %zu", i);
		cr_assert_eq(n, want[i] == ERR_OK ? 60 : -1);
	}
}

Test(json_read, any_number_is_rounded_to_an_integer)
{
	static const struct {
		const char *text;
		enum err want;
		int64_t down, up;
	} cases[] = {
		{"0", ERR_OK, 0, 0},
		{"-0", ERR_OK, 0, 0},
		{"-0.0e0", ERR_OK, 0, 0},
		{"1795880875", ERR_OK, 1795880875, 1795880875},
		{"1795880875.25", ERR_OK, 1795880875, 1795880876},
		{"1795880875.000", ERR_OK, 1795880875, 1795880875},
		{"1.795880875e9", ERR_OK, 1795880875, 1795880875},
		{"1.795880875E+9", ERR_OK, 1795880875, 1795880875},
		{"1.7958808752e9", ERR_OK, 1795880875, 1795880876},
		{"179588087525e-2", ERR_OK, 1795880875, 1795880876},
		{"17958808750000e-0004", ERR_OK, 1795880875, 1795880875},
		{"1e-400000000000000000000", ERR_OK, 0, 1},
		{"0e400000000000000000000", ERR_OK, 0, 0},
		{"0.000000000000000000000000001e27", ERR_OK, 1, 1},
		{"-1.5", ERR_OK, -2, -1},
		{"-9223372036854775808", ERR_OK, INT64_MIN, INT64_MIN},
		{"9223372036854775807", ERR_OK, INT64_MAX, INT64_MAX},
		{"9223372036854775808", ERR_TOO_LARGE, 0, 0},
		{"1e19", ERR_TOO_LARGE, 0, 0},
		{"1e99", ERR_TOO_LARGE, 0, 0},
		{"-1e400000000000000000000", ERR_TOO_LARGE, 0, 0},
		{"\"1\"", ERR_MALFORMED, 0, 0},
		{"null", ERR_MALFORMED, 0, 0},
	};
	int64_t n = 0;
	cr_expect_eq(json_rounded(NULL, JSON_UP, 0, 1, &n), ERR_NOT_PRESENT);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct json *v = parse(str_of(cases[i].text));
		int64_t down = -7, up = -7;
		cr_expect_eq(json_rounded(v, JSON_DOWN, INT64_MIN, INT64_MAX, &down), cases[i].want, "%s", cases[i].text);
		cr_expect_eq(json_rounded(v, JSON_UP, INT64_MIN, INT64_MAX, &up), cases[i].want, "%s", cases[i].text);
		if (cases[i].want == ERR_OK)
			cr_expect(down == cases[i].down && up == cases[i].up, "%s", cases[i].text);
	}
	cr_expect_eq(json_rounded(parse(STR("9.5")), JSON_UP, 0, 9, &n), ERR_TOO_LARGE);
	cr_expect_eq(json_rounded(parse(STR("9.5")), JSON_DOWN, 0, 9, &n), ERR_OK);
}

Test(json_read, an_object_may_have_so_many_members)
{
	const struct json_limits few = {.max_depth = 3, .max_values = 64, .max_members = 2};
	const struct json *v;
	cr_expect_eq(json_parse(arena, STR("{\"a\":{\"c\":1,\"d\":2},\"b\":[1,2,3,4]}"), few, &v), ERR_OK);
	cr_expect_eq(json_parse(arena, STR("{\"a\":1,\"b\":2,\"c\":3}"), few, &v), ERR_TOO_LARGE);
	cr_expect_eq(json_parse(arena, STR("{\"a\":{\"c\":1,\"d\":2,\"e\":3}}"), few, &v), ERR_TOO_LARGE);
}

Test(json_read, a_refusal_says_why)
{
	static const struct {
		const char *text;
		enum json_fault fault;
		const char *key;
	} cases[] = {
		{"{", JSON_FAULT_FORM, NULL},
		{"", JSON_FAULT_FORM, NULL},
		{"{\"a\":1} x", JSON_FAULT_FORM, NULL},
		{"{\"a\":\"\xff\"}", JSON_FAULT_TEXT, NULL},
		{"{\"a\":\"\\u0000\"}", JSON_FAULT_TEXT, NULL},
		{"{\"a\":1,\"b\":2,\"\\u0061\":3}", JSON_FAULT_REPEATED, "a"},
		{"{\"x\":{\"b\":1,\"b\":2}}", JSON_FAULT_REPEATED, "b"},
		{"[[[[[]]]]]", JSON_FAULT_DEPTH, NULL},
		{"[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]", JSON_FAULT_VALUES, NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json *v = NULL;
		struct json_refusal why = {.fault = JSON_FAULT_MEMORY};
		enum err err = json_parse_or_tell(arena, str_of(cases[i].text), limits, &v, &why);
		cr_expect(err == ERR_MALFORMED || err == ERR_TOO_LARGE, "%s", cases[i].text);
		cr_expect_eq(why.fault, cases[i].fault, "%s: %d", cases[i].text, (int)why.fault);
		cr_expect(str_eq(why.key, str_of(cases[i].key)), "%s: %.*s", cases[i].text, STR_ARG(why.key));
	}
}
