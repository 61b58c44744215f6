#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"

static void expect(int64_t unix_us, const char *want)
{
	char text[CLOCK_RFC3339_LEN + 1] = {0};
	clock_rfc3339(unix_us, text);
	cr_assert_str_eq(text, want);
}

Test(clock_format, known_moments_have_their_text)
{
	expect(0, "1970-01-01T00:00:00.000000Z");
	expect(INT64_C(1795467360123456), "2026-11-23T20:56:00.123456Z");
	expect(INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z");
	expect(INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z");
}

Test(clock_format, a_moment_before_1970_rounds_to_its_own_second)
{
	expect(-1, "1969-12-31T23:59:59.999999Z");
}

Test(clock_format, years_that_rfc_3339_can_not_write_are_clamped)
{
	expect(INT64_MIN, "0000-01-01T00:00:00.000000Z");
	expect(INT64_MAX, "9999-12-31T23:59:59.999999Z");
}

Test(clock_format, every_day_of_a_thousand_years_agrees_with_the_c_library)
{
	for (time_t t = -86400L * 366 * 100; t < 86400L * 366 * 900; t += 86399) {
		struct tm tm;
		cr_assert_not_null(gmtime_r(&t, &tm));
		char want[CLOCK_RFC3339_LEN + 1], got[CLOCK_RFC3339_LEN + 1] = {0};
		cr_assert_eq(strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S.000000Z", &tm), CLOCK_RFC3339_LEN);
		clock_rfc3339((int64_t)t * 1000000, got);
		cr_assert_str_eq(got, want);
	}
}
