/* The table of reasons, and its counters. */
#include "loop/conn_end.h"

#include <assert.h>

static const struct conn_end_info infos[CONN_END_COUNT] = {
#define CONN_END_INFO(name, listeners_, word_, text_) [CONN_END_##name] = {.listeners = (listeners_), .word = (word_), .text = (text_)},
	CONN_END_TABLE(CONN_END_INFO)
#undef CONN_END_INFO
};

const struct conn_end_info *conn_end_info(enum conn_end why)
{
	assert(why > CONN_END_NONE && why < CONN_END_COUNT);
	return &infos[why];
}

void conn_ends_note(struct conn_ends *ends, enum conn_end why)
{
	assert(why > CONN_END_NONE && why < CONN_END_COUNT);
	atomic_fetch_add_explicit(&ends->counts[why], 1, memory_order_relaxed);
}

uint64_t conn_ends_of(const struct conn_ends *ends, enum conn_end why)
{
	return atomic_load_explicit(&ends->counts[why], memory_order_relaxed);
}
