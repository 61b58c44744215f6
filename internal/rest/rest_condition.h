/* The conditions of a request: If-Match and If-None-Match (RFC 9110 section 13.1). */
#ifndef M2M_REST_REST_CONDITION_H
#define M2M_REST_REST_CONDITION_H

#include "op/op.h"
#include "rest/rest_message.h"

/* Into in.if_match and in.if_none_match. ERR_INVALID_REQUEST for an If-Match that isn't
 * well-formed: what is to be done on a condition isn't done without one. */
void rest_take_conditions(const struct rest_message *m, struct op *op);

#endif
