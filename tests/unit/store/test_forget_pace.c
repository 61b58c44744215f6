/* How much a run forgets. */
#include <criterion/criterion.h>

#include "store/forget_pace.h"

Test(forget_pace, a_failure_leaves_less_to_the_next_run_and_never_nothing)
{
	cr_expect_eq(forget_rows_after(FORGET_ROWS, true), 1000);
	cr_expect_eq(forget_rows_after(1000, true), 100);
	cr_expect_eq(forget_rows_after(100, true), FORGET_ROWS_MIN);
}

/* Also while every run finds as much as it may take: or else what comes might be more. */
Test(forget_pace, successes_bring_the_whole_back)
{
	int32_t rows = FORGET_ROWS_MIN;
	for (int runs = 0; runs < 7; runs++)
		rows = forget_rows_after(rows, false);
	cr_expect_eq(rows, FORGET_ROWS);
	cr_expect_eq(forget_rows_after(rows, false), FORGET_ROWS);
}
