/* The operator's listener: /livez, /readyz, /startupz and /metrics. Unauthenticated, so it
 * belongs on an address that only the platform reaches. */
#ifndef M2M_REST_OPS_SERVER_H
#define M2M_REST_OPS_SERVER_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/sbuf.h"
#include "tls/tls.h"

struct ops_server;

/* Asked at each request, on the listener's own thread. */
struct ops_source {
	bool (*ready)(void *arg, struct sbuf *why);   /* can answer requests now */
	bool (*started)(void *arg);                   /* has been ready once */
	void (*metrics)(void *arg, struct sbuf *out); /* Prometheus text exposition format 0.0.4 */
	void *arg;
};

/* `fds`: n listening sockets, taken over. NULL: out of memory (the sockets are closed). `tls` is
 * borrowed; NULL: plaintext. `descriptors_max`: it accepts while its connections have lower
 * numbers; 0: always. */
struct ops_server *ops_server_new(struct event_base *base, const struct ops_source *source, struct tls *tls, const int *fds, unsigned n,
				  int descriptors_max);

/* To be called now and then: a listener that couldn't accept, or had no descriptor left, goes on
 * if it can. */
void ops_server_accept(struct ops_server *s);
void ops_server_free(struct ops_server *s);

#endif
