/* The console's bodies, and what operators alone are answered. Private to rest/. */
#ifndef M2M_REST_REST_CONSOLE_H
#define M2M_REST_REST_CONSOLE_H

#include "op/op.h"
#include "json/json_write.h"

/* A link's code. */
void rest_console_decode_body(struct op *op, struct str body);
/* What is asked of a signing key. */
void rest_console_decode_key(struct op *op, struct str body);
/* The members of the answer's object. */
void rest_console_write(struct json_out *o, const struct op *op);

#endif
