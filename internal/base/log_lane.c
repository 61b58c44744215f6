#include "base/log_lane.h"

#include <assert.h>
#include <string.h>

#define KEPT_BACK 32768 /* for important lines */

static size_t waiting(const struct log_lane *l)
{
	size_t put = atomic_load_explicit(&l->put, memory_order_acquire);
	return put - atomic_load_explicit(&l->written, memory_order_acquire);
}

static void drop(struct log_lane *l)
{
	atomic_store_explicit(&l->shut, true, memory_order_relaxed);
	atomic_fetch_add_explicit(&l->missed, 1, memory_order_relaxed);
}

bool log_lane_put(struct log_lane *l, const char *line, size_t n, bool important)
{
	size_t put = atomic_load_explicit(&l->put, memory_order_relaxed);
	size_t room = LOG_LANE_BYTES - waiting(l);
	bool shut = atomic_load_explicit(&l->shut, memory_order_relaxed);
	assert(room <= LOG_LANE_BYTES && n + KEPT_BACK <= LOG_LANE_BYTES);
	if (important ? n > room : shut || n + KEPT_BACK > room) {
		drop(l);
		return false;
	}
	size_t at = put % LOG_LANE_BYTES;
	size_t first = n < LOG_LANE_BYTES - at ? n : LOG_LANE_BYTES - at;
	memcpy(l->bytes + at, line, first);
	memcpy(l->bytes, line + first, n - first);
	atomic_store_explicit(&l->put, put + n, memory_order_release);
	return true;
}

size_t log_lane_next(const struct log_lane *l, size_t max, const char **ret)
{
	size_t n = waiting(l), written = atomic_load_explicit(&l->written, memory_order_relaxed);
	size_t at = written % LOG_LANE_BYTES;
	*ret = l->bytes + at;
	if (n > LOG_LANE_BYTES - at)
		n = LOG_LANE_BYTES - at;
	return n < max ? n : max;
}

void log_lane_wrote(struct log_lane *l, size_t n)
{
	assert(n <= waiting(l));
	atomic_fetch_add_explicit(&l->written, n, memory_order_release);
}

unsigned log_lane_reopen(struct log_lane *l)
{
	if (!atomic_load_explicit(&l->shut, memory_order_relaxed) || waiting(l) > 0)
		return 0;
	atomic_store_explicit(&l->shut, false, memory_order_relaxed);
	return atomic_exchange_explicit(&l->missed, 0, memory_order_relaxed);
}
