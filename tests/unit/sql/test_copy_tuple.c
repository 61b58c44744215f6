/* PostgreSQL's binary copy format: what it writes is read, and of anything else no byte beyond
 * its end. Each text is in memory of its own, so that the sanitizer sees. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sql/copy_tuple.h"

#define HEADER "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
/* Two fields: "ab" and null; then one: empty. */
#define TUPLES  "\0\2\0\0\0\2ab\377\377\377\377\0\1\0\0\0\0"
#define TRAILER "\377\377"

static const struct str whole = STR(HEADER TUPLES TRAILER);

static char *exactly(struct str s)
{
	char *p = malloc(s.n + (s.n == 0));
	memcpy(p, s.p, s.n);
	return p;
}

/* How many tuples there are; -1: malformed. */
static int count(struct str stream)
{
	struct str tuple = STR("");
	int n = 0;
	enum err err = copy_skip_header(&stream);
	while (err == ERR_OK && tuple.p != NULL) {
		err = copy_next_tuple(&stream, &tuple);
		n += err == ERR_OK && tuple.p != NULL;
	}
	return err == ERR_OK ? n : -1;
}

Test(copy_tuple, tuples_and_their_fields_come_one_after_another)
{
	struct str stream = whole, tuple, field;
	size_t at = 2;
	cr_assert_eq(copy_skip_header(&stream), ERR_OK);
	cr_assert_eq(copy_next_tuple(&stream, &tuple), ERR_OK);
	cr_assert_eq(copy_next_field(tuple, &at, &field), ERR_OK);
	cr_expect(str_eq(field, STR("ab")));
	cr_assert_eq(copy_next_field(tuple, &at, &field), ERR_OK);
	cr_expect_null(field.p);
	cr_expect_eq(at, tuple.n);
	cr_expect_eq(copy_next_field(tuple, &at, &field), ERR_MALFORMED, "there are no more");
	cr_assert_eq(copy_next_tuple(&stream, &tuple), ERR_OK);
	at = 2;
	cr_assert_eq(copy_next_field(tuple, &at, &field), ERR_OK);
	cr_expect(field.p != NULL && field.n == 0);
	cr_assert_eq(copy_next_tuple(&stream, &tuple), ERR_OK);
	cr_expect_null(tuple.p);
}

Test(copy_tuple, an_extension_of_the_header_is_skipped)
{
	cr_expect_eq(count(STR("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\3xyz" TUPLES TRAILER)), 2);
	cr_expect_eq(count(STR("PGCOPY\n\377\r\n\0\0\0\0\0\377\377\377\377")), -1);
}

Test(copy_tuple, what_is_cut_off_or_goes_on_is_malformed)
{
	cr_assert_eq(count(whole), 2);
	for (size_t n = 0; n < whole.n; n++) {
		char *cut = exactly(str_from(whole.p, n));
		cr_expect_eq(count(str_from(cut, n)), -1, "cut to %zu", n);
		free(cut);
	}
	cr_expect_eq(count(STR(HEADER TUPLES TRAILER "x")), -1);
	cr_expect_eq(count(STR("something else altogether")), -1);
}

Test(copy_tuple, no_byte_of_it_leads_beyond_the_end)
{
	for (size_t i = 0; i < whole.n; i++)
		for (int with = 0; with < 256; with++) {
			char *changed = exactly(whole);
			changed[i] = (char)with;
			(void)count(str_from(changed, whole.n));
			free(changed);
		}
}
