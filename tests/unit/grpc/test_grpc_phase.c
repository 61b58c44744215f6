/* The whole table of moves, as a person would draw it. */
#include <criterion/criterion.h>

#include "grpc/grpc_phase.h"

static const char *const table[GRPC_PHASES] = {
	/*              si h o n f le cl li gone */
	[GRPC_SILENT] = ". x . . . . x . x",  [GRPC_HEARD] = ". . x x . x x x x",     [GRPC_OPEN] = ". . . x . x x x x",
	[GRPC_NOTICED] = ". . . . x x x x x", [GRPC_FAREWELL] = ". . . . . x x x x",  [GRPC_LEAVING] = ". . . . . . x x x",
	[GRPC_CLOSING] = ". . . . . . . x x", [GRPC_LINGERING] = ". . . . . . . . x", [GRPC_GONE] = ". . . . . . . . .",
};

Test(grpc_phase, only_the_moves_of_the_table_are_allowed)
{
	for (unsigned from = 0; from < GRPC_PHASES; from++)
		for (unsigned to = 0; to < GRPC_PHASES; to++)
			cr_expect_eq(grpc_phase_may_become((enum grpc_phase)from, (enum grpc_phase)to), table[from][2 * to] == 'x',
				     "%s -> %s", grpc_phase_name((enum grpc_phase)from), grpc_phase_name((enum grpc_phase)to));
}

Test(grpc_phase, it_never_goes_back)
{
	for (unsigned from = 0; from < GRPC_PHASES; from++)
		for (unsigned to = 0; to <= from; to++)
			cr_expect_not(grpc_phase_may_become((enum grpc_phase)from, (enum grpc_phase)to));
}
