/* Allocations of the daemon that fail on demand. The daemon is started with a library
 * (failing_malloc.c) that counts the calls of malloc and its like while the test says so, and
 * answers some of them with NULL. It stands before the sanitizer's own allocator, so that an
 * error in the wake of a failure is reported as ever. */
#ifndef M2M_TESTS_HARNESS_SCARCITY_H
#define M2M_TESTS_HARNESS_SCARCITY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/env.h"

/* In a file that both processes have mapped. */
struct scarcity_control {
	atomic_bool armed;
	atomic_long before;  /* so many allocations are granted, */
	atomic_long failing; /* then so many fail; those behind them are granted again */
	atomic_uint one_in;  /* instead: one in so many fails; 0: as above */
	atomic_ullong random;
	atomic_ulong failed;
};

/* Adds to the environment what the daemon is to be started with. Not armed. */
void scarcity_prepare(struct env *gateway);

/* `before` allocations from now on succeed, `count` fail. */
void scarcity_fail(long before, long count);
/* One in `one_in` fails, drawn from the seed; which call gets which draw depends on the threads'
 * turns. */
void scarcity_fail_randomly(unsigned one_in, uint64_t seed);
/* Memory is there again. Returns how many allocations failed. */
unsigned long scarcity_end(void);

#endif
