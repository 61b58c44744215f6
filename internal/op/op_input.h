/* The headers or metadata that every transport reads in the same words: values in, the op's
 * origin and input out. Values are copied into the op's arena. */
#ifndef M2M_OP_OP_INPUT_H
#define M2M_OP_OP_INPUT_H

#include "op/op.h"

#define OP_GRACE_MAX        604800 /* seconds; and of what follows */
#define OP_UNTIL_UNUSED_MAX 2592000
#define OP_AT_MOST_MAX      7776000
#define OP_AT_MOST_DEFAULT  2592000

/* `transport`: 'r' or 'g'. The user agent is cut to 256 bytes of printable ASCII; a traceparent
 * that isn't well-formed (W3C Trace Context, version 00) is dropped. Each may be absent. */
void op_set_origin(struct op *op, char transport, struct str remote_addr, struct str user_agent, struct str traceparent);

/* Authorization (RFC 6750 section 2.1, RFC 9449 section 7.1): `count` is how often it stood
 * there. None at all is left for op_authenticate to refuse; more than one is
 * ERR_INVALID_REQUEST, another scheme ERR_MISSING_TOKEN. */
void op_set_bearer(struct op *op, unsigned count, struct str value);

/* Takes `scheme` (case-insensitive) and the spaces behind it off. False: it doesn't begin so,
 * and is left as it was. */
bool op_take_scheme(struct str *value, struct str scheme);

/* Idempotency-Key: one value of 1 to 255 visible ASCII characters, or none. */
void op_set_idempotency_key(struct op *op, unsigned count, struct str value);

/* Whether the caller has what has out.etag: out.not_modified (RFC 9110 section 13.1.2). */
void op_compare_etag(struct op *op);

/* ERR_INVALID_REQUEST with a sentence that holds a name which the client chose: `before` name
 * `after`. The name is shown as at most 64 visible ASCII characters; quotes, backslashes and all
 * other bytes are percent-encoded, so that it fits an error_description (RFC 6749 section 5.2)
 * and drives no terminal. */
void op_refuse_name(struct op *op, const char *before, struct str name, const char *after);

/* grace_seconds, 0 to OP_GRACE_MAX. */
void op_set_grace(struct op *op, int64_t seconds);

/* until_unused_seconds, 1 to OP_UNTIL_UNUSED_MAX, and at_most_seconds, 1 to OP_AT_MOST_MAX. */
void op_set_until_unused(struct op *op, int64_t seconds);
void op_set_at_most(struct op *op, int64_t seconds);

/* Of what puts an end off: grace_seconds, 1 to OP_AT_MOST_MAX; and secret_version. */
void op_set_prolonged(struct op *op, int64_t seconds);
void op_set_secret_version(struct op *op, int64_t version);

#endif
