#include <criterion/criterion.h>

#include "base/clock.h"

static int64_t parsed(const char *text)
{
	int64_t us = -1;
	cr_assert_eq(clock_parse_rfc3339(str_of(text), &us), ERR_OK, "%s", text);
	return us;
}

/* date -u -d TEXT +%s */
Test(clock_parse, text_of_rfc_3339_is_a_time)
{
	cr_expect_eq(parsed("1970-01-01T00:00:00Z"), 0);
	cr_expect_eq(parsed("2026-11-24T08:15:30Z"), INT64_C(1795508130000000));
	cr_expect_eq(parsed("2026-11-24T08:15:30.123456Z"), INT64_C(1795508130123456));
	cr_expect_eq(parsed("2026-11-24t08:15:30.5z"), INT64_C(1795508130500000));
	cr_expect_eq(parsed("2026-11-24T08:15:30.1234569Z"), INT64_C(1795508130123456), "finer is cut off");
	cr_expect_eq(parsed("2026-11-24T09:15:30+01:00"), INT64_C(1795508130000000));
	cr_expect_eq(parsed("2026-11-23T20:45:30-11:30"), INT64_C(1795508130000000));
	cr_expect_eq(parsed("2024-02-29T23:59:60Z"), INT64_C(1709251199000000), "a leap second is taken for the one before it");
	cr_expect_eq(parsed("9999-12-31T23:59:59Z"), INT64_C(253402300799000000));
}

Test(clock_parse, every_day_of_400_years_comes_back)
{
	for (int64_t day = 0; day < 146097; day++) {
		char text[CLOCK_RFC3339_LEN];
		int64_t us = 0, want = day * INT64_C(86400000000) + 12345678;
		clock_rfc3339(want, text);
		cr_assert_eq(clock_parse_rfc3339(str_from(text, sizeof text), &us), ERR_OK, "%.27s", text);
		cr_assert_eq(us, want, "%.27s", text);
	}
}

Test(clock_parse, anything_else_is_refused_and_nothing_written)
{
	static const char *const texts[] = {"",
					    "now",
					    "2026-11-24",
					    "2026-11-24T08:15:30",
					    "2026-11-24 08:15:30Z",
					    "2026-11-24T08:15Z",
					    "2026-11-24T08:15:30.Z",
					    "2026-11-24T08:15:30Zx",
					    "2026-11-24T08:15:30+0100",
					    "2026-11-24T08:15:30+24:00",
					    "2026-13-24T08:15:30Z",
					    "2026-00-24T08:15:30Z",
					    "2026-11-31T08:15:30Z",
					    "2026-11-00T08:15:30Z",
					    "2025-02-29T08:15:30Z",
					    "2100-02-29T08:15:30Z",
					    "2026-11-24T24:00:00Z",
					    "2026-11-24T08:60:00Z",
					    "2026-11-24T08:15:61Z",
					    "1969-12-31T23:59:59Z",
					    "1970-01-01T00:00:00+00:01",
					    "+2026-11-24T08:15:30Z"};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		int64_t us = 42;
		cr_expect_eq(clock_parse_rfc3339(str_of(texts[i]), &us), ERR_MALFORMED, "%s", texts[i]);
		cr_expect_eq(us, 42);
	}
	int64_t us;
	cr_expect_eq(clock_parse_rfc3339(STR_NONE, &us), ERR_MALFORMED);
}
