/* The whole table of moves, as a person would draw it. */
#include <criterion/criterion.h>

#include "worker/worker_phase.h"

static const char *const table[WORKER_PHASES] = {
	/*              st se wi dr le fl gone */
	[WORKER_STARTING] = ". x . . . . x", [WORKER_SERVING] = ". . x x x . x", [WORKER_WITHDRAWN] = ". . . x x . x",
	[WORKER_DRAINING] = ". . . . x . x", [WORKER_LEAVING] = ". . . . . x x", [WORKER_FLUSHING] = ". . . . . . x",
	[WORKER_GONE] = ". . . . . . .",
};

Test(worker_phase, only_the_moves_of_the_table_are_allowed)
{
	for (unsigned from = 0; from < WORKER_PHASES; from++)
		for (unsigned to = 0; to < WORKER_PHASES; to++)
			cr_expect_eq(worker_phase_may_become((enum worker_phase)from, (enum worker_phase)to), table[from][2 * to] == 'x',
				     "%s -> %s", worker_phase_name((enum worker_phase)from), worker_phase_name((enum worker_phase)to));
}

Test(worker_phase, it_never_goes_back)
{
	for (unsigned from = 0; from < WORKER_PHASES; from++)
		for (unsigned to = 0; to <= from; to++)
			cr_expect_not(worker_phase_may_become((enum worker_phase)from, (enum worker_phase)to));
}
