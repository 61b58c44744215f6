/* The server side of one HTTP connection beneath evhttp: a guard before its parser, a time limit for receiving a request, and the count of connections.
 *
 *   socket -> bufferevent input -> (on_input takes the bytes out) -> guard -> pending -> a complete, well-formed request -> input -> evhttp
 *
 * evhttp sees only complete requests. One that the guard refused is replaced by a request for REST_REFUSED_PATH, which the dispatcher answers in our own words. */
#ifndef M2M_REST_REST_CONN_H
#define M2M_REST_REST_CONN_H

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/str.h"
#include "tls/tls.h"

#define REST_REFUSED_PATH "/.refused/"

struct rest_conns {
	struct event_base *base;
	struct tls *tls; /* NULL: plaintext */
	struct list all;
	unsigned count, max;
	unsigned receive_timeout_ms;
	/* Whether a request of this connection is being worked on. Such a connection must not be freed: evhttp would free the request under it. */
	bool (*busy)(struct evhttp_connection *evcon, void *arg);
	void *arg;
};

void rest_conns_init(struct rest_conns *set, struct event_base *base, struct tls *tls, unsigned max, unsigned receive_timeout_ms,
		     bool (*busy)(struct evhttp_connection *evcon, void *arg), void *arg);

/* For evhttp_set_bevcb; `arg` is the struct rest_conns. */
struct bufferevent *rest_conn_bufferevent(struct event_base *base, void *arg);

/* To be asked again and again: closes the connections on which nothing has been received, worked on or sent for `idle_us`, as seen since the first time of asking. */
void rest_conns_close_idle(struct rest_conns *set, int64_t now_us, int64_t idle_us);

/* Before evhttp_free: lets it know those connections that the loop had no turn to attach. */
void rest_conns_settle(struct rest_conns *set);

#endif
