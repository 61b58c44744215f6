/* From a finished op to an HTTP reply: status, headers and body. */
#ifndef M2M_REST_REST_ENCODE_H
#define M2M_REST_REST_ENCODE_H

#include <event2/http.h>

#include "op/op.h"

/* Adds the headers to the request's output and returns the body, which lives as long as the op. `allow`: the methods that the path takes, for 405. */
struct str rest_encode(struct evhttp_request *req, struct op *op, const char *allow);

/* The body of an error: RFC 6749 section 5.2, or RFC 9457. `detail` may be NULL: the error table's sentence. */
void rest_error_body(struct sbuf *out, enum err err, const char *detail, struct str request_id, bool oauth);

/* For a Date header (RFC 9110 section 5.6.7); good until the next call of this thread. */
const char *rest_date(void);

/* The reason phrase of RFC 9110 section 15. */
const char *rest_reason(int status);

#endif
