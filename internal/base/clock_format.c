/* A time as text. The calendar is computed here, since gmtime_r takes a lock that all threads share. */
#include "base/clock.h"

#define US_PER_DAY INT64_C(86400000000)
#define EARLIEST   (INT64_C(-719528) * US_PER_DAY)     /* 0000-01-01 */
#define LATEST     (INT64_C(2932897) * US_PER_DAY - 1) /* 9999-12-31T23:59:59.999999 */

struct date {
	int64_t year, month, day;
};

/* The Gregorian date `days` after 0000-03-01. Years that start in March put the leap day last, so that a month's first
 * day within the year is a straight line: (153 * month + 2) / 5. */
static struct date date_of(int64_t days)
{
	int64_t era = days / 146097, day_of_era = days % 146097; /* an era is 400 years */
	int64_t year = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (year * 365 + year / 4 - year / 100);
	int64_t month = (day_of_year * 5 + 2) / 153; /* 0: March */
	return (struct date){
		.year = era * 400 + year + (month >= 10),
		.month = month < 10 ? month + 3 : month - 9,
		.day = day_of_year - (month * 153 + 2) / 5 + 1,
	};
}

/* `width` digits of `value`, then `after`. */
static char *put(char *at, int64_t value, int width, char after)
{
	for (int i = width - 1; i >= 0; i--) {
		at[i] = (char)('0' + value % 10);
		value /= 10;
	}
	at[width] = after;
	return at + width + 1;
}

void clock_rfc3339(int64_t unix_us, char out[CLOCK_RFC3339_LEN])
{
	/* RFC 3339 years have four digits. */
	int64_t us = unix_us < EARLIEST ? EARLIEST : unix_us > LATEST ? LATEST : unix_us;

	int64_t since_zero = us - EARLIEST; /* never negative: division rounds the right way */
	int64_t in_day = since_zero % US_PER_DAY;
	/* Year 0 starts 60 days before its March; 400 years on the calendar is the same. */
	struct date date = date_of(since_zero / US_PER_DAY - 60 + 146097);

	char *at = put(out, date.year - 400, 4, '-');
	at = put(at, date.month, 2, '-');
	at = put(at, date.day, 2, 'T');
	at = put(at, in_day / 3600000000, 2, ':');
	at = put(at, in_day / 60000000 % 60, 2, ':');
	at = put(at, in_day / 1000000 % 60, 2, '.');
	put(at, in_day % 1000000, 6, 'Z');
}
