/* Who the client is that a request is of: by its secret, by an assertion
 * (private_key_jwt.h), or by a certificate (tls_client_auth.h).
 * Private to op/. */
#ifndef M2M_OP_CLIENT_AUTH_H
#define M2M_OP_CLIENT_AUTH_H

#include "op/op.h"

/* What the client showed, by its form: in.client_id is set afterwards, and op->proof where it is an
 * assertion. OP_DONE: refused. Nobody's credentials look like those that are refused here, so
 * there is no need to ask the database, and none to say why. */
enum op_verdict op_take_client(struct op *op);

/* The verifiers of a secret, one for each key of the ring; absent where the client shows another
 * credential. ERR_NO_MEMORY, ERR_CRYPTO. */
MUST_CHECK enum err op_client_verifiers(struct op *op, struct str *ret);

/* The error of a refusal by the client's security profile, and its sentence in op->err_detail;
 * any other error is answered as it is. */
enum err op_profile_fault(struct op *op, enum err err);

#endif
