/* A bearer of a trusted outside issuer: its token -> the issuer's key -> claims -> our
 * organization. Private to op/. */
#ifndef M2M_OP_OUTSIDER_H
#define M2M_OP_OUTSIDER_H

#include "crypto/jwt.h"
#include "op/op.h"

#define OUTSIDER_LEEWAY_S 30 /* between the issuer's clock and ours */

/* The rest of op_authenticate for a token whose `iss` is not ours. Nothing of the token is
 * believed before its signature is, except `iss`, `tid` and `kid`, which only choose the key.
 * Waits for the issuer's keys when they have to be fetched (the step is then taken again), and
 * for the database, which knows the organization. */
enum op_verdict op_authenticate_outsider(struct op *op, const struct jwt *jwt);

#endif
