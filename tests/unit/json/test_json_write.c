#include <criterion/criterion.h>

#include "json/json_write.h"

static char space[256];

static void expect(const struct sbuf *b, const char *want)
{
	struct str got = sbuf_str(b);
	cr_assert(str_eq(got, str_of(want)), "got '%.*s', want '%s'", STR_ARG(got), want);
}

Test(json_write, an_object_has_its_commas_between_members)
{
	struct sbuf b = sbuf_fixed(space, sizeof space);
	struct json_out o = json_out_start(&b);
	json_open(&o, NULL, '{');
	json_put_str(&o, "client_id", STR("m2m_\"x\""));
	json_put_int(&o, "version", -3);
	json_put_bool(&o, "live", true);
	json_put_bool(&o, "old", false);
	json_put_str(&o, "nothing", STR_NONE);
	json_put_raw(&o, "raw", STR("{\"a\":1}"));
	json_close(&o, '}');
	expect(&b, "{\"client_id\":\"m2m_\\\"x\\\"\",\"version\":-3,\"live\":true,\"old\":false,\"nothing\":null,\"raw\":{\"a\":1}}");
}

Test(json_write, brackets_nest_and_a_comma_follows_a_closed_one)
{
	struct sbuf b = sbuf_fixed(space, sizeof space);
	struct json_out o = json_out_start(&b);
	json_open(&o, NULL, '{');
	json_open(&o, "keys", '[');
	json_open(&o, NULL, '{');
	json_put_int(&o, "n", 1);
	json_close(&o, '}');
	json_open(&o, NULL, '{');
	json_close(&o, '}');
	json_put_int(&o, NULL, 2);
	json_put_str(&o, NULL, STR("x"));
	json_close(&o, ']');
	json_open(&o, "empty", '[');
	json_close(&o, ']');
	json_put_int(&o, "last", 3);
	json_close(&o, '}');
	expect(&b, "{\"keys\":[{\"n\":1},{},2,\"x\"],\"empty\":[],\"last\":3}");
}

Test(json_write, what_was_read_is_written_as_it_was)
{
	static const char text[] = "{\"a\\\"b\":[1,2.50,{},[],null,true,false],\"c\":{\"d\":\"\\u000a\"},\"e\":\"\"}";
	struct arena *a = arena_new(4096);
	struct sbuf b = sbuf_fixed(space, sizeof space);
	struct json_out o = json_out_start(&b);
	const struct json *v;
	cr_assert_eq(json_parse(a, str_of(text), (struct json_limits){.max_depth = 4, .max_values = 16}, &v), ERR_OK);
	json_put_value(&o, v);
	expect(&b, text);
	arena_free(a);
}

Test(json_write, a_scalar_may_stand_alone)
{
	struct sbuf b = sbuf_fixed(space, sizeof space);
	struct json_out o = json_out_start(&b);
	json_put_str(&o, NULL, STR("x"));
	expect(&b, "\"x\"");
}

Test(json_write, what_does_not_fit_shows_in_the_buffer)
{
	struct sbuf b = sbuf_fixed(space, 8);
	struct json_out o = json_out_start(&b);
	json_open(&o, NULL, '{');
	json_put_str(&o, "key", STR("value"));
	json_close(&o, '}');
	cr_assert_null(sbuf_str(&b).p);
}
