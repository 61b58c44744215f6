/* From a request message to an op's input. Nothing here decides about credentials. */
#ifndef M2M_GRPC_GRPC_DECODE_H
#define M2M_GRPC_GRPC_DECODE_H

#include "op/op.h"

/* The operation of "/m2m.v1.M2MClients/<method>"; NULL if there is none. */
const struct op_spec *grpc_find_op(struct str path);

/* Fills op->in for op->spec from the message, or sets op->err: ERR_MALFORMED_MESSAGE for bytes
 * that are no such message (strings that aren't UTF-8 among them, proto3), ERR_BODY_TOO_LARGE
 * for more fields than any client of this contract sends (pb_check.h), ERR_INVALID_REQUEST for
 * values that REST refuses as well, and for a field that RotateClientSecret or ListTokenAudit
 * doesn't know, ERR_NO_MEMORY. An op that has failed before is left as it is. An empty string is
 * an absent parameter. `message` is borrowed and copied. */
void grpc_decode(struct op *op, struct str message);

#endif
