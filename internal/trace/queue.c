#include "trace/queue.h"

#include <string.h>

/* splitmix64: ids must differ, and need no secrecy. */
static uint64_t next_random(struct trace_queue *q)
{
	uint64_t z = q->random += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void put_random(struct trace_queue *q, uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += sizeof(uint64_t)) {
		uint64_t r = next_random(q) | 1; /* an id isn't all zeros */
		memcpy(p + i, &r, sizeof r);
	}
}

static unsigned nibble(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a' + 10);
}

static void put_hex(uint8_t *p, const char *hex, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

/* 00-<32 of trace-id>-<16 of parent-id>-<2 of flags> */
bool trace_begin(struct trace_queue *q, struct str traceparent, struct trace_span *ret)
{
	if (q == NULL)
		return false;
	if (traceparent.p == NULL) {
		if (next_random(q) % 100 >= q->percent)
			return false;
		put_random(q, ret->trace_id, sizeof ret->trace_id);
	} else {
		if ((nibble(traceparent.p[54]) & 1) == 0)
			return false;
		put_hex(ret->trace_id, traceparent.p + 3, sizeof ret->trace_id);
		put_hex(ret->parent_id, traceparent.p + 36, sizeof ret->parent_id);
		ret->has_parent = true;
	}
	put_random(q, ret->span_id, sizeof ret->span_id);
	return true;
}

void trace_note(struct trace_queue *q, const struct trace_span *span)
{
	uint64_t at = atomic_load_explicit(&q->written, memory_order_relaxed);
	if (at - atomic_load_explicit(&q->read, memory_order_acquire) == QUEUE_SPANS) {
		atomic_fetch_add_explicit(&q->dropped, 1, memory_order_relaxed);
		return;
	}
	q->spans[at % QUEUE_SPANS] = *span;
	atomic_store_explicit(&q->written, at + 1, memory_order_release);
}

bool queue_take(struct trace_queue *q, struct trace_span *ret)
{
	uint64_t at = atomic_load_explicit(&q->read, memory_order_relaxed);
	if (at == atomic_load_explicit(&q->written, memory_order_acquire))
		return false;
	*ret = q->spans[at % QUEUE_SPANS];
	atomic_store_explicit(&q->read, at + 1, memory_order_release);
	return true;
}
