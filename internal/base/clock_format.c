/* A time as text. The calendar is computed here, since gmtime_r takes a lock that all threads
 * share. */
#include "base/clock.h"

#define US_PER_DAY INT64_C(86400000000)
#define EARLIEST   (INT64_C(-719528) * US_PER_DAY)     /* 0000-01-01 */
#define LATEST     (INT64_C(2932897) * US_PER_DAY - 1) /* 9999-12-31T23:59:59.999999 */

struct date {
	int64_t year, month, day;
};

/* The Gregorian date `days` after 0000-03-01. Years that start in March put the leap day last,
 * so that a month's first day within the year is a straight line: (153 * month + 2) / 5. */
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

/* ---- and back ---- */

static bool take_digits(struct str *text, int width, int64_t min, int64_t max, int64_t *ret)
{
	int64_t value = 0;
	if (text->n < (size_t)width)
		return false;
	for (int i = 0; i < width; i++) {
		if (text->p[i] < '0' || text->p[i] > '9')
			return false;
		value = value * 10 + (text->p[i] - '0');
	}
	*text = str_from(text->p + width, text->n - (size_t)width);
	*ret = value;
	return value >= min && value <= max;
}

/* Either case, as RFC 3339 section 5.6 allows for T and Z. */
static bool take_char(struct str *text, char c)
{
	if (text->n == 0 || (text->p[0] != c && text->p[0] != (c | 0x20)))
		return false;
	*text = str_from(text->p + 1, text->n - 1);
	return true;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const int8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return days[month - 1] + (month == 2 && leap);
}

/* Days since 1970-01-01: date_of the other way round. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t march_year = year - (month <= 2);
	int64_t march_month = month > 2 ? month - 3 : month + 9;
	return march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + (153 * march_month + 2) / 5 + day - 1 - 719468;
}

static bool take_fraction(struct str *text, int64_t *ret_us)
{
	int64_t unit = 100000;
	*ret_us = 0;
	if (text->n == 0 || text->p[0] != '.')
		return true;
	*text = str_from(text->p + 1, text->n - 1);
	if (text->n == 0 || text->p[0] < '0' || text->p[0] > '9')
		return false;
	for (int64_t digit; take_digits(text, 1, 0, 9, &digit); unit /= 10)
		*ret_us += digit * unit;
	return true;
}

/* Minutes east of Greenwich. */
static bool take_offset(struct str *text, int64_t *ret)
{
	int64_t hours;
	int64_t minutes;
	*ret = 0;
	if (take_char(text, 'Z'))
		return true;
	bool west = text->n > 0 && text->p[0] == '-';
	if (!west && (text->n == 0 || text->p[0] != '+'))
		return false;
	*text = str_from(text->p + 1, text->n - 1);
	if (!take_digits(text, 2, 0, 23, &hours) || !take_char(text, ':') || !take_digits(text, 2, 0, 59, &minutes))
		return false;
	*ret = (west ? -1 : 1) * (hours * 60 + minutes);
	return true;
}

enum err clock_parse_rfc3339(struct str text, int64_t *ret)
{
	int64_t year;
	int64_t month;
	int64_t day;
	int64_t hour;
	int64_t minute;
	int64_t second;
	int64_t us;
	int64_t offset;
	if (!take_digits(&text, 4, 0, 9999, &year) || !take_char(&text, '-') || !take_digits(&text, 2, 1, 12, &month) ||
	    !take_char(&text, '-') || !take_digits(&text, 2, 1, days_in_month(year, month), &day) || !take_char(&text, 'T') ||
	    !take_digits(&text, 2, 0, 23, &hour) || !take_char(&text, ':') || !take_digits(&text, 2, 0, 59, &minute) ||
	    !take_char(&text, ':') || !take_digits(&text, 2, 0, 60, &second) || !take_fraction(&text, &us) ||
	    !take_offset(&text, &offset) || text.n != 0)
		return ERR_MALFORMED;
	int64_t minutes = days_of(year, month, day) * 1440 + hour * 60 + minute - offset;
	int64_t seconds = minutes * 60 + (second == 60 ? 59 : second);
	if (seconds < 0)
		return ERR_MALFORMED;
	*ret = seconds * 1000000 + us;
	return ERR_OK;
}
