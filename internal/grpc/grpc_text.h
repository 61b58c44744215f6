/* The small texts of the gRPC protocol (grpc/grpc doc/PROTOCOL-HTTP2.md): timeout, content type,
 * encodings, status message. */
#ifndef M2M_GRPC_GRPC_TEXT_H
#define M2M_GRPC_GRPC_TEXT_H

#include <stdbool.h>

#include "base/sbuf.h"

/* grpc-timeout: 1 to 8 digits and one unit of HMSmun -> microseconds, rounded up, so that only 0
 * gives 0. ERR_MALFORMED leaves *ret_us untouched. */
MUST_CHECK enum err grpc_timeout_us(struct str text, int64_t *ret_us);

/* Whether a Content-Type is application/grpc or application/grpc+proto, whatever its parameters. */
bool grpc_content_type_ok(struct str type);

/* Whether a list such as "identity, gzip" (grpc-accept-encoding) names `coding`. False for an
 * absent list. */
bool grpc_names_coding(struct str list, struct str coding);

/* grpc-message: `text` is UTF-8; what is not %x20-24 / %x26-7E is percent-encoded. */
void grpc_put_message(struct sbuf *out, struct str text);

#endif
