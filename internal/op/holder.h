/* A bound token's bearer, who has to prove that it holds the token's key or certificate (RFC 9449
 * section 7, RFC 8705 section 3). Private to op/.
 *
 *   the token's claims -> op_read_confirmation -> op_hold, before anything is done for the bearer
 *
 * A DPoP proof is good for one request: PostgreSQL says whether this is its first. */
#ifndef M2M_OP_HOLDER_H
#define M2M_OP_HOLDER_H

#include "op/op.h"
#include "json/json_read.h"

/* What a token is bound to: "jkt:..." (RFC 9449 section 6.1), "x5t#S256:..." (RFC 8705 section
 * 3.1), or "" without a `cnf`. False: bound to what nobody could hold to here. */
MUST_CHECK bool op_read_confirmation(const struct json *claims, char out[BEARER_BINDING_MAX + 1]);

/* OP_MORE: the bearer may go on. OP_WAIT: the step that called is taken once more, or the op has
 * ended. `bound_to` isn't kept. */
enum op_verdict op_hold(struct op *op, struct str bound_to);

#endif
