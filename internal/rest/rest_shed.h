/* What a token request is answered with while the queue of its worker is full: at once, without an op or a line in the log for each. A refusal has to cost a
 * fraction of a token, or a flood of requests takes the time of those that are served. It is counted like every other answer; the log has one line a second with how many there were. */
#ifndef M2M_REST_REST_SHED_H
#define M2M_REST_REST_SHED_H

#include "op/op.h"
#include "rest/rest_message.h"

struct rest_shed {
	struct op_env *env;
	unsigned unlogged;
	int64_t logged_us;
	char text[1024];
};

/* The whole response, which lives until the next call; absent: `m` has to be served, also because it has an id that has to come back. */
struct str rest_shed(struct rest_shed *s, const struct rest_message *m);

#endif
