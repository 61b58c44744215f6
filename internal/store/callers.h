/* Who asks in a batch of questions: few callers have many of them. Private to store/. */
#ifndef M2M_STORE_CALLERS_H
#define M2M_STORE_CALLERS_H

#include "store/token_state.h"

#define CALLERS_MAX 128

/* Of clients that show secrets. */
struct callers {
	const struct token_caller *v[CALLERS_MAX]; /* borrowed; no two of them are the same */
	size_t n;
};

/* The caller's place, from 1; it is added unless it is there. The same caller: whatever the
 * database looks at is the same, so that one answer does for both. There is room for it. */
uint32_t callers_place(struct callers *callers, const struct token_caller *caller);

#endif
