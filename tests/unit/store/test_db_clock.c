/* The database's clock as the answers to the polls tell it. */
#include "sql/db_clock.h"

#include <criterion/criterion.h>

#define S INT64_C(1000000)

Test(db_clock, goes_on_with_the_monotonic_clock_and_is_never_taken_for_earlier_than_it_is)
{
	struct db_clock c = {.known = false};
	db_clock_note(&c, 100 * S, 100 * S + 2000, 5000 * S);
	cr_assert(c.known);
	cr_expect_eq(db_clock_now_us(&c, 100 * S + 2000), 5000 * S + 2000, "the answer may have been on its way all that time");
	cr_expect_eq(db_clock_now_us(&c, 104 * S), 5004 * S);
	db_clock_note(&c, 104 * S, 104 * S + 1000, 4000 * S);
	cr_expect_eq(db_clock_now_us(&c, 105 * S), 4001 * S, "somebody has set it back");
}

Test(db_clock, an_answer_that_took_long_counts_only_if_there_is_no_better_one)
{
	struct db_clock c = {.known = false};
	db_clock_note(&c, 0, 3 * S, 1000 * S);
	cr_expect_eq(db_clock_now_us(&c, 3 * S), 1003 * S, "better than none");
	db_clock_note(&c, 4 * S, 4 * S + 1000, 1002 * S);
	cr_expect_eq(db_clock_now_us(&c, 5 * S), 1003 * S);
	db_clock_note(&c, 8 * S, 11 * S, 1008 * S);
	cr_expect_eq(db_clock_now_us(&c, 11 * S), 1009 * S, "a good one is kept");
	db_clock_note(&c, 70 * S, 72 * S, 1070 * S);
	cr_expect_eq(db_clock_now_us(&c, 72 * S), 1072 * S, "but not for ever");
}

Test(db_clock, the_skew_is_what_the_round_trip_can_not_explain)
{
	static const struct {
		int64_t wall_us, skew_us;
	} table[] = {{5000 * S, 0},          {5000 * S + 2000, 0},          {5000 * S + 2500, 500},
		     {5000 * S - 700, -700}, {23000 * S + 2000, 18000 * S}, {3000 * S, -2000 * S}};
	struct db_clock c = {.known = false};
	db_clock_note(&c, 100 * S, 100 * S + 2000, 5000 * S);
	for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
		cr_expect_eq(db_clock_skew_us(&c, 100 * S + 2000, table[i].wall_us), table[i].skew_us, "%u", i);
}
