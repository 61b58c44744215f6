/* One worker: a thread with its own event loop, listener, store connections, key snapshot, bearer memo and counters. Workers share nothing but the
 * immutable config; what others may read of a worker (readiness, counters) is atomic. */
#ifndef M2M_WORKER_WORKER_H
#define M2M_WORKER_WORKER_H

#include <stdbool.h>

#include "config/config.h"
#include "op/op.h"

struct worker;

/* `http_fd`: its listening socket, taken over even on failure. NULL: out of memory. */
struct worker *worker_new(const struct config *config, int http_fd);

/* Serves the operator's listener on this worker's loop; before worker_start. `all` are the workers that it speaks for. */
MUST_CHECK enum err worker_serve_ops(struct worker *w, int ops_fd, struct worker *const *all, unsigned count);

MUST_CHECK enum err worker_start(struct worker *w);

/* From any thread: stops accepting, finishes what is under way within M2M_DRAIN_MS, then ends the thread. `now`: ends without waiting. */
void worker_drain(struct worker *w, bool now);
void worker_join(struct worker *w);

/* Of a worker that never started, or was joined. */
void worker_free(struct worker *w);

/* From any thread. */
bool worker_ready(const struct worker *w, const char **ret_why);
bool worker_has_been_ready(const struct worker *w);

/* The Prometheus text of these workers' counters, added up (metrics.c). */
void worker_metrics(struct worker *const *all, unsigned count, struct sbuf *out);

#endif
