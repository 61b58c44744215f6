/* Counts of values by size, for the metrics: noted by one thread, read by any. */
#ifndef M2M_BASE_HISTOGRAM_H
#define M2M_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 14

/* The largest value that each bucket takes, growing; one more bucket takes what is larger than
 * all. */
struct histogram_scale {
	unsigned n;
	uint64_t bounds[HISTOGRAM_BOUNDS_MAX];
};

extern const struct histogram_scale histogram_microseconds; /* 500 microseconds to 10 seconds */
extern const struct histogram_scale histogram_sizes;        /* 1 to 1024 */

struct histogram {
	_Atomic uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];
	_Atomic uint64_t sum;
};

/* From the thread that owns it. */
void histogram_note(struct histogram *h, const struct histogram_scale *scale, uint64_t value);

/* What several threads have noted, added up; from any thread. */
struct histogram_sum {
	uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];
	uint64_t sum, total;
};
void histogram_add(struct histogram_sum *sum, const struct histogram *h);

#endif
