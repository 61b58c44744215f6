/* Links and sessions of the portal and of the console in HTTP: the session's cookie, which does
 * nothing alone, and the portal's bodies.
 *
 * A page of ours shows itself by a header that no form can send, X-M2M-Portal: 1 or
 * X-M2M-Console: 1, and by where the browser says that the request comes from: Origin, or for a
 * GET without one Sec-Fetch-Site. Private to rest/. */
#ifndef M2M_REST_REST_PORTAL_H
#define M2M_REST_REST_PORTAL_H

#include "op/op.h"
#include "rest/rest_answer.h"
#include "rest/rest_message.h"
#include "json/json_write.h"

/* The cookie's session as the caller, if there is such a cookie: held to a page of ours. */
void rest_portal_decode_session(const struct rest_message *m, struct op *op);
/* FORBIDDEN, unless the request comes from a page of ours. */
void rest_portal_hold_to_page(const struct rest_message *m, struct op *op);

/* A link that is to be made, or a link's code. */
void rest_portal_decode_body(struct op *op, struct str body);
/* The members of the answer's object. */
void rest_portal_write(struct json_out *o, const struct op *op);
/* A list's sessions alone. */
void rest_portal_write_sessions(struct json_out *o, const struct op *op);
/* Set-Cookie, where a session begins or ends (RFC 6265bis: __Host-). */
void rest_portal_add_cookie(struct rest_answer *a, struct op *op);

/* Whether `origin` (RFC 6454 section 7) is that of `url`, an http or https URL: scheme, host and
 * port, the default one told or not. */
bool rest_portal_is_origin(struct str origin, struct str url);

#endif
