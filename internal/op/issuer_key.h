/* The signature of an outside issuer's token: a bearer's (outsider.h), or a workload's
 * (workload.h). Private to op/. */
#ifndef M2M_OP_ISSUER_KEY_H
#define M2M_OP_ISSUER_KEY_H

#include "crypto/jwt.h"
#include "op/op.h"

/* Whether a key of the issuer has signed it. ERR_AGAIN: its keys are being fetched;
 * op_wait_for_keys. ERR_ISSUER_UNAVAILABLE; ERR_TOO_LARGE: the token has no kid, and too many keys
 * fit its alg; any other error: no. */
MUST_CHECK enum err issuer_key_verify(struct trust_view *trust, const struct trust_issuer *issuer, const struct jwt *jwt);

/* The present step is taken once more when the keys are there; an op waits once. OP_WAIT, or
 * OP_DONE. */
enum op_verdict op_wait_for_keys(struct op *op, const struct trust_issuer *issuer);

#endif
