/* The region is cut into granules. runs[] holds, for the first granule of a piece, how many the
 * piece has, and 0 for free granules. The search goes from the front: it is slow, and rare. */
#include "base/reserve.h"

#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/wiped.h"

#define GRANULE  ((size_t)256)
#define GRANULES (RESERVE_BYTES / GRANULE)

static alignas(max_align_t) unsigned char region[RESERVE_BYTES];
static uint16_t runs[GRANULES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic size_t used; /* bytes */

static_assert(GRANULES <= UINT16_MAX, "a run's length fits");

static bool is_reserved(const void *p)
{
	return (uintptr_t)p - (uintptr_t)region < sizeof region;
}

static size_t first_of(const void *p)
{
	return (size_t)((const unsigned char *)p - region) / GRANULE;
}

/* The first granule of `n` free ones in a row; GRANULES: there are none. */
static size_t find(size_t n)
{
	size_t room = 0;
	for (size_t i = 0; i < GRANULES; i += runs[i] == 0 ? 1 : runs[i]) {
		room = runs[i] == 0 ? room + 1 : 0;
		if (room == n)
			return i + 1 - n;
	}
	return GRANULES;
}

static void *take(size_t n)
{
	size_t granules = n / GRANULE + (n % GRANULE != 0);
	if (granules == 0 || granules > GRANULES)
		return NULL;
	pthread_mutex_lock(&lock);
	size_t first = find(granules);
	if (first < GRANULES)
		runs[first] = (uint16_t)granules;
	pthread_mutex_unlock(&lock);
	if (first == GRANULES)
		return NULL;
	atomic_fetch_add_explicit(&used, granules * GRANULE, memory_order_relaxed);
	return region + first * GRANULE;
}

static void give_back(void *p)
{
	size_t first = first_of(p), bytes = runs[first] * GRANULE;
	explicit_bzero(p, bytes);
	pthread_mutex_lock(&lock);
	runs[first] = 0;
	pthread_mutex_unlock(&lock);
	atomic_fetch_sub_explicit(&used, bytes, memory_order_relaxed);
}

static size_t size_of(void *p)
{
	return is_reserved(p) ? runs[first_of(p)] * GRANULE : malloc_usable_size(p);
}

void *reserve_malloc(size_t n)
{
	void *p = wiped_malloc(n);
	return p != NULL || n == 0 ? p : take(n);
}

void *reserve_calloc(size_t n, size_t size)
{
	void *p = wiped_calloc(n, size);
	size_t bytes = 0;
	if (p != NULL || __builtin_mul_overflow(n, size, &bytes))
		return p;
	p = take(bytes);
	return p == NULL ? NULL : memset(p, 0, bytes);
}

void *reserve_realloc(void *p, size_t n)
{
	if (p == NULL)
		return reserve_malloc(n);
	size_t old = size_of(p);
	void *moved = reserve_malloc(n);
	if (moved == NULL)
		return NULL;
	memcpy(moved, p, old < n ? old : n);
	reserve_free(p);
	return moved;
}

void reserve_free(void *p)
{
	if (is_reserved(p))
		give_back(p);
	else
		wiped_free(p);
}

size_t reserve_used(void)
{
	return atomic_load_explicit(&used, memory_order_relaxed);
}

bool reserve_is_low(void)
{
	return reserve_used() > RESERVE_BYTES / 2;
}
