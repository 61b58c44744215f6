/* The inside of struct worker, for the files of this folder. */
#ifndef M2M_WORKER_WORKER_PARTS_H
#define M2M_WORKER_WORKER_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "grpc/grpc_server.h"
#include "rest/ops_server.h"
#include "rest/rest_server.h"
#include "worker/worker.h"
#include "worker/worker_phase.h"

struct worker {
	const struct config *config;
	struct event_base *base;
	struct store *store;
	struct trust_view *trust;
	struct tls *tls;
	struct trace *trace;
	struct hash_pool *hashing;
	struct arena *arena; /* what lives as long as the worker */
	struct op_env env;
	struct op_counters counters;
	struct rest_server *rest;
	struct grpc_server *grpc;

	struct ops_server *ops;    /* the first worker's only */
	struct worker *const *all; /* of this process */
	unsigned all_count;

	pthread_t thread;
	bool started;
	int command; /* eventfd: 1 drain, more: end now */
	struct event *command_event;
	int handed[2]; /* a pipe with the sockets that other workers give to this one */
	struct event *handed_event;
	struct event *tick;
	/* at the end of a turn in which lines were logged */
	struct event *flush;
	struct listen_set http_sockets, grpc_sockets; /* the listeners', until they are closed */
	enum worker_phase phase;
	int64_t started_us;
	int64_t accept_again_us; /* when listeners that couldn't accept try again */
	int64_t close_at_us, drain_until_us;

	_Atomic bool ready, has_been_ready;
	_Atomic unsigned http_connections, grpc_connections; /* as of the last tick */
	_Atomic(const char *) unready_reason;
};

/* In each tick: what worker_ready tells. */
void worker_note_readiness(struct worker *w);
/* gRPC's connections go to the workers that have the fewest (placing.c). False: out of memory or of
 * descriptors. */
bool worker_open_placing(struct worker *w);
/* Closes what was handed over and not taken. */
void worker_close_placing(struct worker *w);

/* Every worker of the process can serve. Else *ret_why is one word of one that can't. */
bool worker_all_ready(const struct worker *w, const char **ret_why);

#endif
