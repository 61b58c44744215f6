/* Time. Deadlines and durations use the monotonic clock; wall time is for logs and for the
 * freshness of outside bearers. What decides about credentials is the database's clock, never
 * this one. Tests link tests/fakes/fake_clock.c instead of clock.c. */
#ifndef M2M_BASE_CLOCK_H
#define M2M_BASE_CLOCK_H

#include <stdint.h>

#include "base/str.h"

int64_t clock_mono_us(void); /* microseconds since an arbitrary start */
int64_t clock_wall_us(void); /* microseconds since 1970-01-01 UTC */

/* The end of the year 9999, in microseconds since 1970: no time of ours is later. */
#define CLOCK_LATEST_US INT64_C(253402300799999999)

#define CLOCK_RFC3339_LEN 27 /* 2026-11-23T20:56:00.123456Z */

/* RFC 3339 UTC with microseconds; 27 characters, no NUL. */
void clock_rfc3339(int64_t unix_us, char out[CLOCK_RFC3339_LEN]);

/* The time that RFC 3339 text means, in microseconds since 1970; what is finer is cut off.
 * ERR_MALFORMED: another form, a date or time that there isn't (a leap second is taken for the
 * second before it), or one before 1970. */
MUST_CHECK enum err clock_parse_rfc3339(struct str text, int64_t *ret);

#endif
