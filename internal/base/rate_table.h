/* Token buckets by key, in memory that never grows, for any number of threads at once and
 * without a lock: one bucket is one 64-bit word, changed by compare-and-swap.
 *
 * The algorithm is GCRA (ITU-T I.371, annex A), a token bucket kept as a time: a bucket of
 * `burst` tokens that gains one each interval is fully described by the moment at which it is
 * full again. A token that is taken moves that moment by one interval; a bucket whose moment has
 * passed is full, and needs no memory.
 *
 * The table is set-associative: a key's buckets are the 8 words of one cache line. A full bucket
 * makes room for another key. Where none of the 8 is full, the one that lacks least makes room:
 * its key begins with a full one again, so that the fault is in the caller's favour, and is
 * counted. 64K buckets; two keys share one when 37 bits of their hashes are the same. */
#ifndef M2M_BASE_RATE_TABLE_H
#define M2M_BASE_RATE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_PER_SECOND_MAX 10000
#define RATE_FILL_MAX_S     3600 /* the longest time in which an empty bucket fills */

/* Microseconds. */
struct rate {
	int64_t interval; /* from one token to the next */
	int64_t fill;     /* from empty to full: burst * interval */
};

/* `per_second` 1 to RATE_PER_SECOND_MAX, `burst` from 1, with burst / per_second up to
 * RATE_FILL_MAX_S. The interval is a whole number of microseconds. */
struct rate rate_of(unsigned per_second, unsigned burst);

struct rate_table;

struct rate_table *rate_table_new(void); /* NULL: out of memory */
void rate_table_free(struct rate_table *t);

/* `key` is a hash that strangers can't steer (base/siphash.h); `now_us` is the monotonic
 * clock's. */

/* How long until the key's bucket has a token; 0: it has one. Takes none. */
int64_t rate_table_wait(struct rate_table *t, struct rate rate, uint64_t key, int64_t now_us);
/* The same, and takes one if it is there: 0 then. */
int64_t rate_table_take(struct rate_table *t, struct rate rate, uint64_t key, int64_t now_us);
/* Takes one even if it isn't there: for what is known to have happened only afterwards. The debt
 * goes up to another fill, so that nobody waits longer than two. */
void rate_table_owe(struct rate_table *t, struct rate rate, uint64_t key, int64_t now_us);

/* A note of the key that stays for `for_us` (up to 2 * RATE_FILL_MAX_S), in a table of its own;
 * and taking it away: true for exactly one caller, and false when there is none. */
void rate_table_note(struct rate_table *t, uint64_t key, int64_t now_us, int64_t for_us);
bool rate_table_take_note(struct rate_table *t, uint64_t key, int64_t now_us);

/* Clears full buckets in the next `sets` of the table's RATE_TABLE_SETS. A word holds 40 bits of
 * time, which come round in 12 days: so every set is to be looked at within 6. */
#define RATE_TABLE_SETS 8192
void rate_table_sweep(struct rate_table *t, int64_t now_us, unsigned sets);

/* How many buckets made room that were not full. */
uint64_t rate_table_evicted(const struct rate_table *t);

#endif
