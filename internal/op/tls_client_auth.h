/* The certificate that a request comes with (RFC 8705), from either transport: what it proves to
 * hold, and a client that authenticates with it in place of its secret.
 *
 *   op_note_certificate -> op->held.x5t, op->certificate -> op_take_certificate -> op->shown ->
 *   the issuing statement, which decides
 *
 * A request without a certificate costs one comparison. */
#ifndef M2M_OP_TLS_CLIENT_AUTH_H
#define M2M_OP_TLS_CLIENT_AUTH_H

#include "base/forwarded.h"
#include "op/op.h"

/* Of every request, once it was decoded. On a connection of a trusted proxy that tells of clients
 * in fields, the proxy's own certificate is no client's, and the field counts (RFC 9440); elsewhere
 * `of_connection` does, which is NULL where there is none. May fail the op. */
void op_note_certificate(struct op *op, const struct forwarded *caller, struct client_certificate *of_connection);

/* A client_id without a secret and an assertion, beside a certificate: it is meant to authenticate
 * with that. */
bool op_shows_certificate(const struct op *op);

/* Into op->shown. OP_DONE: refused. */
enum op_verdict op_take_certificate(struct op *op);

#endif
