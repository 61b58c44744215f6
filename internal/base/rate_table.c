/* A word is 24 bits of the key's hash, never 0, and 40 bits of the time at which the bucket is
 * full, in microseconds, modulo 2^40. 0 is a free word.
 *
 * A change is decided on a word that was read and written back only if the word is still the
 * same, so that a bucket never gives the same token twice and eviction never loses a charge that
 * came between. What can happen: two threads meet a new key in the moment in which another
 * bucket of its set becomes full, and choose different words for it. The one further back is not
 * found any more, and expires; that is one token too many. */
#include "base/rate_table.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WAYS      8
#define LINE      64
#define TIME_BITS 40
#define TIME_MASK ((UINT64_C(1) << TIME_BITS) - 1)

static_assert(WAYS * sizeof(uint64_t) == LINE, "a set is a cache line");
static_assert(2 * RATE_FILL_MAX_S * INT64_C(1000000) < (int64_t)(TIME_MASK / 2), "any debt can be told from the past");

struct rate_table {
	_Atomic uint64_t *words; /* within memory, at the beginning of a line */
	void *memory;
	_Atomic uint64_t evicted;
	_Atomic unsigned swept; /* how many sets were looked at, all in all */
};

struct rate rate_of(unsigned per_second, unsigned burst)
{
	int64_t interval = (1000000 + per_second / 2) / per_second;
	return (struct rate){.interval = interval, .fill = interval * burst};
}

struct rate_table *rate_table_new(void)
{
	struct rate_table *t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->memory = calloc(RATE_TABLE_SETS + 1, LINE); /* pages that nobody touches cost nothing */
	if (t->memory == NULL) {
		free(t);
		return NULL;
	}
	uintptr_t misplaced = (uintptr_t)t->memory % LINE;
	t->words = (void *)((char *)t->memory + (misplaced == 0 ? 0 : LINE - misplaced));
	return t;
}

void rate_table_free(struct rate_table *t)
{
	if (t == NULL)
		return;
	free(t->memory);
	free(t);
}

static uint64_t tag_of(uint64_t key)
{
	uint64_t tag = key >> TIME_BITS;
	return tag == 0 ? 1 : tag;
}

/* How long until the bucket is full; 0: it is, or the word is free. A time more than half a turn
 * ahead is one that has passed. */
static int64_t lack_of(uint64_t word, int64_t now_us)
{
	uint64_t ahead = (word - (uint64_t)now_us) & TIME_MASK;
	return word == 0 || ahead > TIME_MASK / 2 ? 0 : (int64_t)ahead;
}

/* Where a key's bucket is, or is to be. */
struct place {
	_Atomic uint64_t *at;
	uint64_t word; /* as it was read */
	int64_t lack;  /* of the bucket that is there now */
	bool own;      /* which is the key's; else another's that would make room */
};

static struct place look(const struct rate_table *t, uint64_t key, int64_t now_us)
{
	_Atomic uint64_t *set = t->words + (key % RATE_TABLE_SETS) * WAYS;
	struct place room = {.at = NULL};
	for (unsigned i = 0; i < WAYS; i++) {
		uint64_t word = atomic_load_explicit(&set[i], memory_order_relaxed);
		int64_t lack = lack_of(word, now_us);
		if (word >> TIME_BITS == tag_of(key))
			return (struct place){.at = &set[i], .word = word, .lack = lack, .own = true};
		if (room.at == NULL || lack < room.lack)
			room = (struct place){.at = &set[i], .word = word, .lack = lack};
	}
	return room;
}

static int64_t lack_at(const struct place *p)
{
	return p->own ? p->lack : 0;
}

static bool swap(const struct place *p, uint64_t word)
{
	uint64_t seen = p->word;
	return atomic_compare_exchange_strong_explicit(p->at, &seen, word, memory_order_relaxed, memory_order_relaxed);
}

/* False: somebody was faster; look again. */
static bool put(struct rate_table *t, const struct place *p, uint64_t key, int64_t now_us, int64_t lack)
{
	if (!swap(p, tag_of(key) << TIME_BITS | ((uint64_t)(now_us + lack) & TIME_MASK)))
		return false;
	if (!p->own && p->lack > 0)
		atomic_fetch_add_explicit(&t->evicted, 1, memory_order_relaxed);
	return true;
}

/* Until the bucket lacks one token less than all. */
static int64_t wait_of(struct rate rate, int64_t lack)
{
	int64_t wait = lack + rate.interval - rate.fill;
	return wait > 0 ? wait : 0;
}

int64_t rate_table_wait(struct rate_table *t, struct rate rate, uint64_t key, int64_t now_us)
{
	struct place p = look(t, key, now_us);
	return wait_of(rate, lack_at(&p));
}

int64_t rate_table_take(struct rate_table *t, struct rate rate, uint64_t key, int64_t now_us)
{
	for (;;) {
		struct place p = look(t, key, now_us);
		int64_t lack = lack_at(&p);
		int64_t wait = wait_of(rate, lack);
		if (wait > 0 || put(t, &p, key, now_us, lack + rate.interval))
			return wait;
	}
}

void rate_table_owe(struct rate_table *t, struct rate rate, uint64_t key, int64_t now_us)
{
	for (;;) {
		struct place p = look(t, key, now_us);
		int64_t lack = lack_at(&p) + rate.interval;
		if (put(t, &p, key, now_us, lack < 2 * rate.fill ? lack : 2 * rate.fill))
			return;
	}
}

void rate_table_note(struct rate_table *t, uint64_t key, int64_t now_us, int64_t for_us)
{
	for (;;) {
		struct place p = look(t, key, now_us);
		if (put(t, &p, key, now_us, for_us))
			return;
	}
}

bool rate_table_take_note(struct rate_table *t, uint64_t key, int64_t now_us)
{
	for (;;) {
		struct place p = look(t, key, now_us);
		if (lack_at(&p) == 0)
			return false;
		if (swap(&p, 0))
			return true;
	}
}

void rate_table_sweep(struct rate_table *t, int64_t now_us, unsigned sets)
{
	unsigned from = atomic_fetch_add_explicit(&t->swept, sets, memory_order_relaxed);
	for (unsigned i = 0; i < sets * WAYS; i++) {
		struct place p = {.at = t->words + ((size_t)from * WAYS + i) % ((size_t)RATE_TABLE_SETS * WAYS)};
		p.word = atomic_load_explicit(p.at, memory_order_relaxed);
		if (p.word != 0 && lack_of(p.word, now_us) == 0)
			swap(&p, 0); /* or somebody has just made use of it */
	}
}

uint64_t rate_table_evicted(const struct rate_table *t)
{
	return atomic_load_explicit(&t->evicted, memory_order_relaxed);
}
