/* An object of each program, since a linker would leave hooks that nobody names in the library. */
#include <criterion/hooks.h>

#include "harness/world.h"

ReportHook(PRE_ALL)(struct criterion_test_set *set)
{
	(void)set;
	shared_prepare(&cluster_choice, &world_filling == NULL ? NULL : world_fill);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
	shared_finish(stats->tests_failed + stats->tests_crashed > 0);
}
