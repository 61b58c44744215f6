/* The lines that one thread has logged and that aren't written yet: a ring that this thread fills
 * and that one other thread, the writer, empties. Neither waits for the other. Private to log. */
#ifndef M2M_BASE_LOG_LANE_H
#define M2M_BASE_LOG_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_LANE_BYTES (1U << 20) /* a power of two */

struct log_lane {
	_Atomic size_t put;      /* bytes so far; whole lines */
	_Atomic size_t written;  /* of these; the writer's */
	_Atomic unsigned missed; /* lines that found no room and haven't been told of */
	_Atomic bool shut;       /* a line found no room since the writer emptied the ring */
	_Atomic bool taken;      /* a thread has it */
	char bytes[LOG_LANE_BYTES];
};

/* The thread's: keeps a line whole or drops it whole. Once a line was dropped, only `important`
 * ones are taken until log_lane_reopen, so that what is missing is one gap; some room is theirs
 * alone. */
bool log_lane_put(struct log_lane *l, const char *line, size_t n, bool important);

/* The writer's: what comes next in one piece, of at most `max` bytes; 0: nothing waits. */
size_t log_lane_next(const struct log_lane *l, size_t max, const char **ret);
void log_lane_wrote(struct log_lane *l, size_t n);

/* The writer's: how many lines were dropped since the last call, once the ring is empty; else 0. */
unsigned log_lane_reopen(struct log_lane *l);

#endif
