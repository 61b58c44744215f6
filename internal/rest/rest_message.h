/* A request as the decoders see it, whoever has read it from the wire: evhttp, or
 * rest_message_read for the plain form that nearly every request has. All of it is borrowed from
 * whoever read it, and gone once the request has been decoded. */
#ifndef M2M_REST_REST_MESSAGE_H
#define M2M_REST_REST_MESSAGE_H

#include <event2/http.h>
#include <stdbool.h>

#include "base/forwarded.h"
#include "base/str.h"

/* The headers that mean something here; of others nothing is kept. */
enum rest_header {
	REST_ACCEPT_ENCODING,
	REST_AUTHORIZATION,
	REST_CONTENT_TYPE,
	REST_DPOP,
	REST_IDEMPOTENCY_KEY,
	REST_IF_MATCH,
	REST_IF_NONE_MATCH,
	REST_TRACEPARENT,
	REST_USER_AGENT,
	REST_X_REQUEST_ID,
	/* of browsers: rest_portal.h */
	REST_COOKIE,
	REST_HOST,
	REST_ORIGIN,
	REST_SEC_FETCH_SITE,
	REST_X_M2M_PORTAL,
	REST_X_M2M_CONSOLE,
	REST_HEADERS
};

struct rest_message {
	struct str method;
	struct str path;
	const char *query; /* NULL: there is no '?' */
	/* who has sent it, as far as its fields tell (base/forwarded.h) */
	struct forwarded *caller;
	struct {
		unsigned count;   /* how often it stands there */
		struct str value; /* of the first one, trimmed */
	} headers[REST_HEADERS];
	struct str body;
};

/* `caller` has begun, is told the fields, and is borrowed. False: out of memory. */
MUST_CHECK bool rest_message_of_evhttp(struct evhttp_request *req, struct forwarded *caller, struct rest_message *ret);

/* From the bytes of a request that http_guard has found complete and whose body isn't chunked.
 * False: it is left to evhttp, since method or target are of a rarer form: any method but GET
 * and POST, a query, an escape. */
MUST_CHECK bool rest_message_read(struct str request, struct forwarded *caller, struct rest_message *ret);

#endif
