/* One connection, as libevent's bufferevent: everything above it reads and writes plain bytes.
 * tls_stream.h is for transports that poll their sockets themselves. */
#ifndef M2M_LOOP_TLS_BUFFEREVENT_H
#define M2M_LOOP_TLS_BUFFEREVENT_H

#include <event2/bufferevent.h>

#include "tls/tls.h"

/* A server's end of a connection on its worker's loop, which closes `fd` when it is freed; -1: set
 * later, by bufferevent_setfd. Plain where the listener is (also when `t` is NULL). NULL: out of
 * memory, `fd` is untouched. */
struct bufferevent *tls_bufferevent(struct tls *t, enum tls_listener listener, struct event_base *base, int fd);

/* Whether the connection speaks what its listener does. */
bool tls_fits(struct tls *t, enum tls_listener listener, struct bufferevent *bev);

#endif
