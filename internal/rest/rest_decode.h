/* From a request to an op's input. Nothing here decides about credentials. */
#ifndef M2M_REST_REST_DECODE_H
#define M2M_REST_REST_DECODE_H

#include "op/op.h"
#include "rest/rest_message.h"

/* Sets request id and origin from the headers; for every request, also one that will be refused. */
void rest_decode_origin(const struct rest_message *m, struct op *op);

/* Fills op->in for op->spec, or sets op->err. */
void rest_decode(const struct rest_message *m, struct op *op);

#endif
