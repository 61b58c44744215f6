/* The conditions of a request: If-Match and If-None-Match (RFC 9110 section 13.1). */
#ifndef M2M_REST_REST_CONDITION_H
#define M2M_REST_REST_CONDITION_H

#include "op/op.h"
#include "rest/rest_message.h"

/* Into in.if_none_match. */
void rest_take_if_none_match(const struct rest_message *m, struct op *op);

/* Into in.if_match; GET passes it over. ERR_INVALID_REQUEST where it isn't well-formed, or the
 * operation takes none: what is to be done on a condition isn't done without one. */
void rest_take_if_match(const struct rest_message *m, struct op *op);

#endif
