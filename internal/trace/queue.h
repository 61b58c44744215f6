/* The rings between workers and the exporter: one writer, one reader, no lock. Private to
 * trace/. */
#ifndef M2M_TRACE_QUEUE_H
#define M2M_TRACE_QUEUE_H

#include <stdatomic.h>

#include "trace/trace.h"

#define QUEUE_SPANS 2048 /* a power of two */

struct trace_queue {
	struct trace_queue *next;
	struct trace *trace;
	uint64_t random; /* the writer's */
	unsigned percent;
	_Atomic uint64_t written, read; /* spans ever */
	_Atomic uint64_t dropped;
	struct trace_span spans[QUEUE_SPANS];
};

/* The oldest span, by the reader; false: none. */
bool queue_take(struct trace_queue *q, struct trace_span *ret);

#endif
