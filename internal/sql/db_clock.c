#include "sql/db_clock.h"

#define TRIP_MOST_US 500000   /* an answer that took longer says too little of the time */
#define AGE_MOST_US  60000000 /* but more than one that is so old, since which the database's clock may have been set */

void db_clock_note(struct db_clock *c, int64_t sent_mono_us, int64_t now_mono_us, int64_t db_us)
{
	int64_t trip_us = now_mono_us - sent_mono_us;
	if (c->known && trip_us > TRIP_MOST_US && trip_us > c->trip_us && now_mono_us - c->sent_mono_us < AGE_MOST_US)
		return;
	*c = (struct db_clock){.known = true, .sent_mono_us = sent_mono_us, .trip_us = trip_us, .db_us = db_us};
}

int64_t db_clock_now_us(const struct db_clock *c, int64_t now_mono_us)
{
	return c->db_us + (now_mono_us - c->sent_mono_us);
}

int64_t db_clock_skew_us(const struct db_clock *c, int64_t now_mono_us, int64_t now_wall_us)
{
	int64_t latest_us = db_clock_now_us(c, now_mono_us);
	int64_t earliest_us = latest_us - c->trip_us;
	return now_wall_us > latest_us ? now_wall_us - latest_us : now_wall_us < earliest_us ? now_wall_us - earliest_us : 0;
}
