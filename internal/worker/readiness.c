/* Whether a worker, and all of them, can serve: noted by each in its tick, read by any thread. */
#include "worker/worker_parts.h"

void worker_note_readiness(struct worker *w)
{
	bool leaving = w->phase >= WORKER_WITHDRAWN;
	bool ready = !leaving && store_ready(w->store);
	atomic_store_explicit(&w->unready_reason, leaving ? "draining" : store_unready_reason(w->store), memory_order_relaxed);
	atomic_store_explicit(&w->ready, ready, memory_order_release);
	if (ready)
		atomic_store_explicit(&w->has_been_ready, true, memory_order_relaxed);
}

bool worker_ready(const struct worker *w, const char **ret_why)
{
	*ret_why = atomic_load_explicit(&w->unready_reason, memory_order_relaxed);
	return atomic_load_explicit(&w->ready, memory_order_acquire);
}

bool worker_has_been_ready(const struct worker *w)
{
	return atomic_load_explicit(&w->has_been_ready, memory_order_relaxed);
}

bool worker_all_ready(const struct worker *w, const char **ret_why)
{
	for (unsigned i = 0; i < w->all_count; i++)
		if (!worker_ready(w->all[i], ret_why))
			return false;
	return true;
}
