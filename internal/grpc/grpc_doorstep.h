/* Connections of trusted proxies, from their first byte until the PROXY header has come whole
 * (base/proxy_header.h): nghttp2, or TLS, begins behind it. */
#ifndef M2M_GRPC_GRPC_DOORSTEP_H
#define M2M_GRPC_GRPC_DOORSTEP_H

#include <event2/event.h>

#include "base/forwarded.h"
#include "base/list.h"
#include "loop/conn_end.h"

struct grpc_doorstep {
	struct event_base *base;
	struct list waiting;
	unsigned count, max, receive_timeout_ms;
	struct conn_ends *ends; /* why those that didn't enter are gone */
	/* The socket is taken over, by whoever `source` names. */
	void (*enter)(void *arg, int fd, const struct ip *source);
	void *arg;
};

/* Takes `fd` over, on which `proxy` speaks. It is closed if what comes is no such header, or
 * doesn't come within receive_timeout_ms, or max others wait, or there is no memory. */
void grpc_doorstep_wait(struct grpc_doorstep *d, int fd, const struct remote *proxy);

/* Closes all that wait. */
void grpc_doorstep_clear(struct grpc_doorstep *d);

#endif
