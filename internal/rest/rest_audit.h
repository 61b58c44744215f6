/* What was done, and how many tokens were given: queries and answers. Private to rest/. */
#ifndef M2M_REST_REST_AUDIT_H
#define M2M_REST_REST_AUDIT_H

#include "op/op.h"
#include "json/json_write.h"

/* `query` may be NULL. */
void rest_decode_acts(struct op *op, const char *query);
void rest_decode_sums(struct op *op, const char *query);
/* The members of the answer's object. */
void rest_write_acts(struct json_out *o, const struct op *op);
void rest_write_sums(struct json_out *o, const struct op *op);

#endif
