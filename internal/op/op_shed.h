/* While the queue of its worker is full (issue_is_full), a transport refuses a token request
 * with ERR_OVERLOADED itself, without an op or a line in the log for each, unless the request
 * has an id of its own, which has to come back. A refusal has to cost a fraction of a token, or
 * a flood of requests takes the time of those that are served. */
#ifndef M2M_OP_OP_SHED_H
#define M2M_OP_OP_SHED_H

#include "op/op.h"

/* Counts one that was refused so, like every other answer; the log has one line a second with
 * how many there were. `transport` as in op_set_origin. */
void op_shed(struct op_env *env, enum op_id id, char transport);

#endif
