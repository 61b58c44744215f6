#include <criterion/criterion.h>

#include <time.h>

#include "base/clock.h"

Test(clock, the_monotonic_clock_never_goes_back)
{
	int64_t before = clock_mono_us();
	for (int i = 0; i < 10000; i++) {
		int64_t now = clock_mono_us();
		cr_assert_geq(now, before);
		before = now;
	}
}

Test(clock, both_clocks_count_microseconds)
{
	struct timespec pause = {.tv_nsec = 20000000};
	int64_t mono = clock_mono_us(), wall = clock_wall_us();
	nanosleep(&pause, NULL);
	cr_assert_geq(clock_mono_us() - mono, 20000);
	cr_assert_lt(clock_mono_us() - mono, 10000000);
	cr_assert_geq(clock_wall_us() - wall, 19000);
}

Test(clock, the_wall_clock_counts_from_1970)
{
	cr_assert_leq(llabs((long long)clock_wall_us() / 1000000 - (long long)time(NULL)), 2);
}
