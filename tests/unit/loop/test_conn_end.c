/* The table of why connections end. */
#include <criterion/criterion.h>

#include <string.h>

#include "loop/conn_end.h"

Test(conn_end, each_reason_has_a_word_of_its_own_that_a_label_can_be)
{
	for (unsigned a = CONN_END_NONE + 1; a < CONN_END_COUNT; a++) {
		const char *word = conn_end_info((enum conn_end)a)->word;
		cr_expect_eq(strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(word), "%s", word);
		for (unsigned b = CONN_END_NONE + 1; b < a; b++)
			cr_expect_str_neq(word, conn_end_info((enum conn_end)b)->word);
	}
}

Test(conn_end, each_reason_is_a_listeners_and_a_sentence)
{
	for (unsigned i = CONN_END_NONE + 1; i < CONN_END_COUNT; i++) {
		const struct conn_end_info *info = conn_end_info((enum conn_end)i);
		cr_expect_neq(info->listeners & CONN_BOTH, 0, "%s", info->word);
		cr_expect_eq(info->text[strlen(info->text) - 1], '.', "%s", info->text);
	}
}

Test(conn_end, each_end_is_counted_under_its_reason)
{
	static struct conn_ends ends;
	conn_ends_note(&ends, CONN_END_IDLE);
	conn_ends_note(&ends, CONN_END_IDLE);
	conn_ends_note(&ends, CONN_END_LOST);
	cr_expect_eq(conn_ends_of(&ends, CONN_END_IDLE), 2);
	cr_expect_eq(conn_ends_of(&ends, CONN_END_LOST), 1);
	cr_expect_eq(conn_ends_of(&ends, CONN_END_DRAINED), 0);
}
