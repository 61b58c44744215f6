/* Traces: a span for each request, exported over OTLP/HTTP (opentelemetry-proto 1.3, JSON
 * encoding). Off unless M2M_OTLP_ENDPOINT is set.
 *
 *   a request's end -> trace_note, on its worker -> that worker's ring -> one thread, once a
 *   second -> POST <endpoint>/v1/traces
 *
 * What can't be kept or delivered is dropped and counted: a collector that is slow or gone costs
 * no request anything. */
#ifndef M2M_TRACE_TRACE_H
#define M2M_TRACE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "config/config.h"

struct trace;
struct trace_queue; /* a worker's ring */

struct trace_span {
	uint8_t trace_id[16], span_id[8], parent_id[8];
	bool has_parent;
	int64_t start_us, end_us; /* since 1970 */
	/* static texts */
	const char *method, *route; /* of REST */
	const char *rpc;            /* the method of m2m.v1.M2MClients; NULL: REST */
	const char *operation, *outcome;
	int http_status, grpc_status;
	char request_id[64];
	uint8_t request_id_n;
	char client_address[64];
	uint8_t client_address_n;
};

/* *ret is NULL when no endpoint is set. `config` is borrowed. */
MUST_CHECK enum err trace_open(const struct config *config, struct trace **ret);
MUST_CHECK enum err trace_start(struct trace *t); /* NULL is allowed, here and below */
/* Sends what waits, for two seconds at most, ends the thread and frees. After the last queue's
 * owner has ended. */
void trace_close(struct trace *t);

/* A ring for one thread; it belongs to `t`. NULL: no tracing, or out of memory. Before
 * trace_start. */
struct trace_queue *trace_queue_new(struct trace *t);

/* Whether a request is traced: as the caller's traceparent says (its sampled flag, W3C Trace
 * Context section 3.2.2.5), else M2M_TRACE_PERCENT of those without one. Sets the ids.
 * `traceparent` is well-formed, or absent. */
bool trace_begin(struct trace_queue *q, struct str traceparent, struct trace_span *ret);

/* Takes a copy; from the queue's own thread. */
void trace_note(struct trace_queue *q, const struct trace_span *span);

struct trace_counts {
	uint64_t exported, dropped;
};
/* From any thread. False: off. */
bool trace_counts(struct trace *t, struct trace_counts *ret);

#endif
