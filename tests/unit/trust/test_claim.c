#include <criterion/criterion.h>

#include "trust/claim.h"

static struct arena *arena;

static void up(void)
{
	arena = arena_new(1 << 20);
}
static void down(void)
{
	arena_free(arena);
}

TestSuite(claim, .init = up, .fini = down);

static const struct json *claims(const char *text)
{
	const struct json *object = NULL;
	cr_assert_eq(json_parse(arena, str_of(text), (struct json_limits){.max_depth = 8, .max_values = 64}, &object), ERR_OK, "%s", text);
	return object;
}

Test(claim, a_name_is_taken_as_it_stands_before_it_is_taken_for_a_path)
{
	const struct json *c = claims("{\"a.b\":\"plain\",\"a\":{\"b\":\"nested\",\"c\":{\"d\":7}},\"https://example.com/org_id\":\"x\"}");
	cr_assert(str_eq(claim_find(c, STR("a.b"))->text, STR("plain")));
	cr_assert(str_eq(claim_find(c, STR("a.c.d"))->text, STR("7")));
	cr_assert(str_eq(claim_find(c, STR("https://example.com/org_id"))->text, STR("x")));
	cr_assert_null(claim_find(c, STR("a.c.d.e")));
	cr_assert_null(claim_find(c, STR("b")));
	cr_assert_null(claim_find(c, STR("")));
	cr_assert_null(claim_find(c, STR("a..b")));
}

/* RFC 6901, for members whose names hold dots. */
Test(claim, a_name_that_begins_with_a_slash_is_a_pointer)
{
	const struct json *c = claims("{\"kubernetes.io\":{\"namespace\":\"prod\"},\"/as/is\":\"plain\",\"as\":{\"is\":\"nested\"},"
				      "\"r\":{\"a.b/c~d\":{\"roles\":[\"x\"]}},\"\":\"empty\"}");
	static const struct {
		const char *name, *want; /* NULL: nothing */
	} cases[] = {
		{"/kubernetes.io/namespace", "prod"},
		{"/as/is", "plain"},
		{"/", "empty"},
		{"/kubernetes.io/name", NULL},
		{"/kubernetes.io/namespace/", NULL},
		{"/kubernetes.io/namespace2", NULL},
		{"//kubernetes.io", NULL},
		{"/r/a.b~1c~2d/roles", NULL},
		{"/r/a.b~1c~", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct json *found = claim_find(c, str_of(cases[i].name));
		cr_expect_eq(found != NULL, cases[i].want != NULL, "%s", cases[i].name);
		cr_expect(found == NULL || str_eq(found->text, str_of(cases[i].want)), "%s", cases[i].name);
	}
	cr_expect(claim_has_role(c, STR("/r/a.b~1c~0d/roles"), STR("x"), STR_NONE));
}

Test(claim, an_organization_is_one_name_in_any_of_three_shapes)
{
	static const struct {
		const char *json, *want; /* NULL: malformed */
	} cases[] = {
		{"{\"o\":\"acme\"}", "acme"},
		{"{\"o\":[\"acme\"]}", "acme"},
		{"{\"o\":{\"acme\":{\"id\":\"1\"}}}", "acme"},
		{"{\"o\":[\"a\",\"b\"]}", NULL},
		{"{\"o\":{\"a\":{},\"b\":{}}}", NULL},
		{"{\"o\":[]}", NULL},
		{"{\"o\":{}}", NULL},
		{"{\"o\":\"\"}", NULL},
		{"{\"o\":7}", NULL},
		{"{\"o\":null}", NULL},
		{"{\"o\":[[\"a\"]]}", NULL},
		{"{\"o\":\"a\\nb\"}", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str got = STR_NONE;
		enum err err = claim_organization(claims(cases[i].json), STR("o"), &got);
		cr_expect_eq(err, cases[i].want == NULL ? ERR_MALFORMED : ERR_OK, "%s: %s", cases[i].json, err_info(err)->code);
		cr_expect(cases[i].want == NULL || str_eq(got, str_of(cases[i].want)), "%s", cases[i].json);
	}
	struct str none;
	cr_expect_eq(claim_organization(claims("{}"), STR("o"), &none), ERR_NOT_PRESENT);
}

Test(claim, a_role_is_a_whole_word_of_a_list)
{
	static const struct {
		const char *json;
		bool want;
	} cases[] = {
		{"{\"r\":[\"member\",\"admin\"]}", true},
		{"{\"r\":\"member admin\"}", true},
		{"{\"r\":\"admin\"}", true},
		{"{\"r\":[\"admins\",\"Admin\"]}", false},
		{"{\"r\":\"adminx xadmin\"}", false},
		{"{\"r\":{\"admin\":true}}", true},
		{"{\"r\":{\"admin\":{\"1\":\"acme\"}}}", true},
		{"{\"r\":{\"admin\":{\"2\":\"other\",\"acme\":\"x\"}}}", true},
		{"{\"r\":{\"admin\":{\"2\":\"other\"}}}", false},
		{"{\"r\":{\"admin\":{}}}", false},
		{"{\"r\":{\"admin\":false}}", false},
		{"{\"r\":{\"admin\":null}}", false},
		{"{\"r\":{\"admin\":1}}", false},
		{"{\"r\":{\"admin\":\"acme\"}}", false},
		{"{\"r\":{\"admin\":[\"acme\"]}}", false},
		{"{\"r\":{\"member\":{\"1\":\"acme\"}}}", false},
		{"{\"r\":[{\"admin\":1},[\"admin\"]]}", false},
		{"{\"r\":true}", false},
		{"{}", false},
		{"{\"r\":[]}", false},
		{"{\"r\":\"\"}", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(claim_has_role(claims(cases[i].json), STR("r"), STR("admin"), STR("acme")), cases[i].want, "%s",
			     cases[i].json);
	const struct json *elsewhere = claims("{\"r\":{\"admin\":{\"2\":\"other\"}}}");
	cr_expect(claim_has_role(elsewhere, STR("r"), STR("admin"), STR_NONE), "any organization's will do");
}

Test(claim, an_audience_is_one_of_them_exactly)
{
	static const struct {
		const char *json;
		bool want;
	} cases[] = {
		{"{\"aud\":\"api\"}", true},      {"{\"aud\":[\"x\",\"api\"]}", true},
		{"{\"aud\":\"api x\"}", false},   {"{\"aud\":\"API\"}", false},
		{"{\"aud\":{\"api\":1}}", false}, {"{\"aud\":[[\"api\"]]}", false},
		{"{\"aud\":null}", false},        {"{}", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_eq(claim_has_audience(claims(cases[i].json), STR("api")), cases[i].want, "%s", cases[i].json);
}
