/* `exp`, `nbf` and `iat` of a bearer (RFC 7519 section 4.1). Private to op/. */
#ifndef M2M_OP_BEARER_TIMES_H
#define M2M_OP_BEARER_TIMES_H

#include "json/json_read.h"

/* One of them alone, in seconds since 1970. ERR_NOT_PRESENT; ERR_MALFORMED: no number, or one
 * that no clock shows. */
MUST_CHECK enum err bearer_time_read(const struct json *claims, const char *name, enum json_rounding to, int64_t *ret);

/* True if the token is valid at `now` (seconds since 1970), give or take `leeway` seconds: `exp`
 * must be there; each that is there must be a number in a range that no clock leaves. A fraction
 * (RFC 7519 section 2, NumericDate) makes the time that the token is good for shorter, by less
 * than a second. *ret_expires_at is `exp`, rounded down. */
bool bearer_times_hold(const struct json *claims, int64_t now, int64_t leeway, int64_t *ret_expires_at);

#endif
