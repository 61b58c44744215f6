/* The whole table of moves, as a person would draw it. */
#include <criterion/criterion.h>

#include <string.h>

#include "rest/rest_phase.h"

/* A row's phases may become those of the columns marked x. */
static const char *const table[REST_PHASES] = {
	/*               a g r w s c gone */
	[REST_ATTACHING] = ". x x . . x .", [REST_GREETING] = ". . x . . x .", [REST_RECEIVING] = ". . . x . x .",
	[REST_WORKING] = ". . . . x x .",   [REST_SENDING] = ". . x . . x .",  [REST_CLOSING] = ". . . . . . x",
	[REST_GONE] = ". . . . . . .",
};

Test(rest_phase, only_the_moves_of_the_table_are_allowed)
{
	for (unsigned from = 0; from < REST_PHASES; from++)
		for (unsigned to = 0; to < REST_PHASES; to++)
			cr_expect_eq(rest_phase_may_become((enum rest_phase)from, (enum rest_phase)to), table[from][2 * to] == 'x',
				     "%s -> %s", rest_phase_name((enum rest_phase)from), rest_phase_name((enum rest_phase)to));
}

Test(rest_phase, each_phase_has_a_name_of_its_own)
{
	for (unsigned a = 0; a < REST_PHASES; a++)
		for (unsigned b = 0; b < a; b++)
			cr_expect_str_neq(rest_phase_name((enum rest_phase)a), rest_phase_name((enum rest_phase)b));
}
