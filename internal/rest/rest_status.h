/* The status of an answer (RFC 9110 section 15): err_table.h has the errors', this the
 * successes'. */
#ifndef M2M_REST_REST_STATUS_H
#define M2M_REST_REST_STATUS_H

#include "op/op.h"

/* Of an op that has ended. Also what op_env's `status` is, whichever transport the op came by. */
int rest_status(const struct op *op);

#endif
