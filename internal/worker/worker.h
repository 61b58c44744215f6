/* One worker: a thread with its own event loop, listeners, store connections, key snapshot,
 * bearer memo and counters. Workers share nothing but the immutable config, the snapshots of the
 * outside issuers and the limits' buckets, which are atomic; what others may read of a worker
 * (readiness, counters) is atomic. A gRPC connection that one accepts may be given to another by a
 * pipe (placing.c). */
#ifndef M2M_WORKER_WORKER_H
#define M2M_WORKER_WORKER_H

#include <stdbool.h>

#include "config/config.h"
#include "op/op.h"
#include "tls/client_authorities.h"
#include "tls/tls.h"
#include "web/web.h"
#include "worker/listen.h"

struct worker;

/* What the workers of a process share besides the config; it outlives them. */
struct worker_shared {
	struct trust *trust;
	struct tls *tls;            /* NULL: plaintext */
	struct trace *trace;        /* NULL: off */
	struct web *web;            /* NULL: no pages */
	struct rate_limits *limits; /* NULL: none */
	struct hash_pool *hashing;
	struct hash_failures *hash_failures;
	struct client_authorities *authorities; /* NULL: none */
};

/* The listening sockets are taken over even on failure. NULL: out of memory. */
struct worker *worker_new(const struct config *config, const struct worker_shared *shared, struct listen_set *http,
			  struct listen_set *grpc);

/* The workers of this process, `w` among them, for which it answers when it is asked for health
 * or metrics; before worker_start. */
void worker_know_all(struct worker *w, struct worker *const *all, unsigned count);

/* Serves the operator's listener, whose sockets it takes over, on this worker's loop; after
 * worker_know_all, before worker_start. */
MUST_CHECK enum err worker_serve_ops(struct worker *w, const struct listen_set *ops);

/* ERR_OVERLOADED: the system gives no thread more; errno says why. */
MUST_CHECK enum err worker_start(struct worker *w);

/* From any thread: isn't ready any more, and serves on, until worker_drain. */
void worker_withdraw(struct worker *w);

/* From any thread: stops accepting, finishes what is under way within M2M_DRAIN_MS, then ends
 * the thread. `now`: ends without waiting. */
void worker_drain(struct worker *w, bool now);
void worker_join(struct worker *w);

/* Of a worker that never started, or was joined. */
void worker_free(struct worker *w);

/* From any thread. */
bool worker_ready(const struct worker *w, const char **ret_why);
bool worker_has_been_ready(const struct worker *w);

/* The Prometheus text of all workers that `w` knows, from its own thread (metrics.c). */
void worker_metrics(const struct worker *w, struct sbuf *out);

#endif
