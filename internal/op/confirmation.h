/* How a token, and what is told of one, say which key or certificate its user has to prove to hold
 * (RFC 7800 section 3). */
#ifndef M2M_OP_CONFIRMATION_H
#define M2M_OP_CONFIRMATION_H

#include "base/str.h"
#include "json/json_write.h"

/* The member `cnf` (RFC 9449 section 6, RFC 8705 section 3). `bound_to` is the name of its member
 * and the value, as the audit has them: "jkt:..." or "x5t#S256:..."; absent or "": none. */
void op_put_confirmation(struct json_out *o, struct str bound_to);

#endif
