/* What REST refuses a token request with while the queue of its worker is full (op_shed.h says
 * why so). */
#ifndef M2M_REST_REST_SHED_H
#define M2M_REST_REST_SHED_H

#include "op/op_shed.h"
#include "rest/rest_message.h"
#include "rest/rest_refusal.h"

struct rest_shed {
	struct op_env *env;
	struct rest_refusal_alone refusal;
};

/* The whole response, which lives until the next call; absent: `m` has to be served, also
 * because it has an id that has to come back. */
struct str rest_shed(struct rest_shed *s, const struct rest_message *m);

#endif
