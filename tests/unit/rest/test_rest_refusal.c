/* A refusal says the same whether there is an op for it or not. */
#include <criterion/criterion.h>

#include <string.h>

#include "rest/rest_encode.h"
#include "rest/rest_refusal.h"

static struct rest_refusal_alone alone;

static const char *field_of(const struct rest_answer *a, const char *name)
{
	for (unsigned i = 0; i < a->n; i++)
		if (str_eq(a->fields[i].name, str_of(name)))
			return a->fields[i].value.p;
	return NULL;
}

Test(rest_refusal, one_without_an_op_has_the_fields_of_one_with)
{
	static struct op_env env;
	struct op *op = op_new(&env, &op_specs[OP_OAUTH_TOKEN], NULL, NULL);
	struct rest_answer with;
	op_set_request_id(op, STR("r-1"));
	op_fail(op, ERR_OVERLOADED, NULL);
	op->retry_after = "1";
	rest_encode(op, NULL, &with);
	rest_refusal_alone(&alone, ERR_OVERLOADED, NULL, true);
	cr_assert_eq(alone.answer.n, with.n);
	cr_assert_eq(alone.answer.status, with.status);
	for (unsigned i = 0; i < with.n; i++)
		cr_expect(str_eq(alone.answer.fields[i].name, with.fields[i].name), "%s", with.fields[i].name.p);
	cr_expect(str_eq(alone.answer.body, with.body), "the same words");
	op_free(op);
}

Test(rest_refusal, it_speaks_the_language_of_its_route)
{
	rest_refusal_alone(&alone, ERR_OVERLOADED, NULL, true);
	cr_expect_str_eq(field_of(&alone.answer, "Content-Type"), "application/json");
	rest_refusal_alone(&alone, ERR_OVERLOADED, "There are too many.", false);
	cr_expect_str_eq(field_of(&alone.answer, "Content-Type"), "application/problem+json");
	cr_expect_not_null(strstr(alone.body, "\"detail\":\"There are too many.\""));
}

Test(rest_refusal, each_has_an_id_of_its_own)
{
	char first[UUID_TEXT_LEN + 1];
	rest_refusal_alone(&alone, ERR_OVERLOADED, NULL, false);
	memcpy(first, alone.id, sizeof first);
	cr_expect_str_eq(field_of(&alone.answer, "X-Request-Id"), first);
	rest_refusal_alone(&alone, ERR_OVERLOADED, NULL, false);
	cr_expect_str_neq(alone.id, first);
}

Test(rest_refusal, the_longest_fits)
{
	for (unsigned err = 1; err < ERR_COUNT; err++)
		for (int oauth = 0; oauth < 2; oauth++) {
			rest_refusal_alone(&alone, (enum err)err, NULL, oauth);
			struct str text = rest_refusal_text(&alone, true);
			cr_assert_not_null(alone.answer.body.p, "%s", err_info((enum err)err)->code);
			cr_assert_not_null(text.p, "%s", err_info((enum err)err)->code);
			cr_expect(str_starts(text, STR("HTTP/1.1 ")));
		}
}
