#include <criterion/criterion.h>

#include "rest/form.h"

static struct arena *arena;

static void up(void)
{
	arena = arena_new(1 << 16);
	cr_assert_not_null(arena);
}

static void down(void)
{
	arena_free(arena);
}

TestSuite(form, .init = up, .fini = down);

static struct form parsed(struct str body)
{
	struct form form;
	cr_assert_eq(form_parse(arena, body, NULL, &form), ERR_OK, "'%.*s'", STR_ARG(body));
	return form;
}

static void refused(struct str body)
{
	struct form form;
	cr_assert_eq(form_parse(arena, body, NULL, &form), ERR_MALFORMED, "'%.*s'", STR_ARG(body));
}

static void has(const struct form *form, const char *name, struct str want)
{
	struct str got = form_get(form, name);
	cr_assert(str_eq(got, want), "%s is '%.*s', not '%.*s'", name, STR_ARG(got), STR_ARG(want));
}

Test(form, gives_values_by_name)
{
	struct form form = parsed(STR("grant_type=client_credentials&client_id=m2m_x&scope=a+b"));
	cr_assert_eq(form.n, 3);
	has(&form, "grant_type", STR("client_credentials"));
	has(&form, "client_id", STR("m2m_x"));
	has(&form, "scope", STR("a b"));
	has(&form, "client_secret", STR_NONE);
	has(&form, "Scope", STR_NONE);
}

/* RFC 6749 section 3.1 */
Test(form, a_parameter_without_a_value_was_omitted)
{
	struct form form = parsed(STR("scope=&audience&x=1"));
	has(&form, "scope", STR_NONE);
	has(&form, "audience", STR_NONE);
	has(&form, "x", STR("1"));
}

Test(form, empty_pieces_mean_nothing)
{
	cr_assert_eq(parsed(STR("")).n, 0);
	cr_assert_eq(parsed(STR_NONE).n, 0);
	cr_assert_eq(parsed(STR("&&")).n, 0);
	cr_assert_eq(parsed(STR("&a=1&&b=2&")).n, 2);
}

/* RFC 6749 appendix B has this very example. */
Test(form, decodes_percent_escapes)
{
	struct form form = parsed(STR("v=+%25%26%2B%C2%A3%e2%82%ac&%61%3d=b=c"));
	has(&form, "v", STR(" %&+\xc2\xa3\xe2\x82\xac"));
	has(&form, "a=", STR("b=c"));
}

Test(form, refuses_broken_escapes)
{
	refused(STR("a=%"));
	refused(STR("a=%4"));
	refused(STR("a=%&b=41"));
	refused(STR("a=%4g"));
	refused(STR("a=%g4"));
	refused(STR("a=% 41"));
	refused(STR("%4=a"));
}

Test(form, refuses_a_name_that_stands_twice)
{
	refused(STR("scope=a&scope=a"));
	refused(STR("scope=a&sc%6fpe=b"));
	refused(STR("scope=&x=1&scope="));
	refused(STR("=a&=b"));
}

Test(form, refuses_control_characters)
{
	refused(STR("a=\0"));
	refused(STR("a=%00"));
	refused(STR("a%0a=b"));
	refused(STR("a=b%0D"));
	refused(STR("a=b\x7f"));
	refused(STR("a=b\r\n"));
}

Test(form, refuses_invalid_utf8)
{
	refused(STR("a=%80"));
	refused(STR("a=%c3"));
	refused(STR("a=%c0%80"));
	refused(STR("a=%ed%a0%80"));
	refused(STR("a=\xff"));
	/* whole only together, and these are two values */
	refused(STR("a=%c3&b=%a9"));
}

Test(form, refuses_more_fields_than_anyone_needs)
{
	char body[4 * (FORM_FIELDS_MAX + 1)];
	for (int i = 0; i <= FORM_FIELDS_MAX; i++) {
		const char field[4] = {(char)('a' + i / 26), (char)('a' + i % 26), '=', '&'};
		memcpy(body + (size_t)i * 4, field, 4);
	}
	cr_assert_eq(parsed(str_from(body, sizeof body - 4)).n, FORM_FIELDS_MAX);
	refused(str_from(body, sizeof body));
}

Test(form, refuses_what_the_arena_cannot_hold)
{
	struct form form;
	struct arena *small = arena_new(8);
	cr_assert_eq(form_parse(small, STR("grant_type=client_credentials"), NULL, &form), ERR_TOO_LARGE);
	cr_assert_eq(form.fault, FORM_FAULT_MEMORY);
	arena_free(small);
}

Test(form, a_refusal_names_the_parameter_and_the_cause)
{
	static const struct {
		const char *body;
		enum form_fault fault;
		const char *culprit;
	} cases[] = {
		{"a=1&scope=%4", FORM_FAULT_ESCAPE, "scope"},
		{"%zz=1", FORM_FAULT_ESCAPE, "%zz"},
		{"a=1%0a&b=%", FORM_FAULT_CONTROL, "a"},
		{"%61b=\t", FORM_FAULT_CONTROL, "ab"},
		{"scope=%e9", FORM_FAULT_UTF8, "scope"},
		{"scope=\xe9", FORM_FAULT_UTF8, "scope"},
		{"a=1&sc%6fpe=&scope=2", FORM_FAULT_REPEATED, "scope"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct form form;
		cr_expect_eq(form_parse(arena, str_of(cases[i].body), NULL, &form), ERR_MALFORMED, "%s", cases[i].body);
		cr_expect_eq(form.fault, cases[i].fault, "%s: %d", cases[i].body, (int)form.fault);
		cr_expect(str_eq(form.culprit, str_of(cases[i].culprit)), "%s: %.*s", cases[i].body, STR_ARG(form.culprit));
	}
}

Test(form, a_plus_is_a_space_only_where_asked)
{
	struct str s = STR_NONE;
	cr_assert_eq(form_decode(arena, STR("a+b%2B"), true, &s), ERR_OK);
	cr_assert(str_eq(s, STR("a b+")));
	cr_assert_eq(form_decode(arena, STR("a+b%2B"), false, &s), ERR_OK);
	cr_assert(str_eq(s, STR("a+b+")));
	cr_assert_eq(form_decode(arena, STR("%zz"), false, &s), ERR_MALFORMED);
	cr_assert(str_eq(s, STR("a+b+")), "untouched on failure");
}

/* A value of n letters, one of which is `c`; decoded as a loop over its bytes would. */
static void one_among_letters(size_t n, size_t at, unsigned char c, bool plus)
{
	char text[20] = "ghijklmnopqrstuvwxy"; /* no digits of an escape */
	struct str s = STR("untouched");
	text[at] = (char)c;
	arena_reset(arena);
	enum err err = form_decode(arena, str_from(text, n), plus, &s);
	bool refused = c < 0x20 || c == 0x7f || c >= 0x80 || c == '%';
	cr_assert_eq(err, refused ? ERR_MALFORMED : ERR_OK, "%02x at %zu of %zu", c, at, n);
	if (c == '+' && plus)
		text[at] = ' ';
	cr_assert(str_eq(s, refused ? STR("untouched") : str_from(text, n)), "%02x at %zu of %zu", c, at, n);
}

Test(form, each_byte_counts_wherever_it_stands)
{
	for (size_t n = 1; n <= 19; n++)
		for (size_t at = 0; at < n; at++)
			for (unsigned c = 0; c < 256; c++)
				for (int plus = 0; plus < 2; plus++)
					one_among_letters(n, at, (unsigned char)c, plus == 1);
}
