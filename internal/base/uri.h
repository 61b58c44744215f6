/* Comparing http and https URIs (RFC 3986 section 6.2). */
#ifndef M2M_BASE_URI_H
#define M2M_BASE_URI_H

#include "base/sbuf.h"

#define URI_MAX 2048

/* Appends the one spelling that every equivalent URI has, without query and fragment: scheme and
 * host in lower case, no default port, at least the path "/", no dot segments, escapes in upper
 * case and only where they must be (sections 6.2.2 and 6.2.3). ERR_MALFORMED: no absolute http(s)
 * URI, longer than URI_MAX, user information, a character that a URI can't have. ERR_TOO_LARGE:
 * `out` overflowed. */
MUST_CHECK enum err uri_put_normalized(struct str uri, struct sbuf *out);

#endif
