/* The database's clock as a gateway knows it: what a statement's answer said, and how long ago
 * that was by the monotonic clock, which nobody sets. All in microseconds. Private to store/. */
#ifndef M2M_SQL_DB_CLOCK_H
#define M2M_SQL_DB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct db_clock {
	bool known;
	/* when the statement left, so that the database's time is never taken for earlier than
	 * it is */
	int64_t sent_mono_us;
	/* how long its answer took: the most by which it is taken for later */
	int64_t trip_us;
	int64_t db_us; /* what it said, since 1970 */
};

/* Takes what an answer said, unless it took long and a better one is not old yet. */
void db_clock_note(struct db_clock *c, int64_t sent_mono_us, int64_t now_mono_us, int64_t db_us);

/* Of one that is known. */
int64_t db_clock_now_us(const struct db_clock *c, int64_t now_mono_us);

/* Right after db_clock_note: how far the machine's clock is ahead of the database's, as well as
 * the round trip lets it be known.
 * 0: not farther apart than that. */
int64_t db_clock_skew_us(const struct db_clock *c, int64_t now_mono_us, int64_t now_wall_us);

#endif
