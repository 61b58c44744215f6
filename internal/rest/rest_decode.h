/* From an evhttp request to an op's input. Nothing here decides about credentials. */
#ifndef M2M_REST_REST_DECODE_H
#define M2M_REST_REST_DECODE_H

#include <event2/http.h>

#include "op/op.h"

/* The request's method and path, for op_find. */
struct str rest_method(struct evhttp_request *req);
struct str rest_path(struct evhttp_request *req);

/* Sets request id and origin from the headers; for every request, also one that will be refused. */
void rest_decode_origin(struct evhttp_request *req, struct op *op);

/* Fills op->in for op->spec, or sets op->err. */
void rest_decode(struct evhttp_request *req, struct op *op);

#endif
