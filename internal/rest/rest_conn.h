/* The server side of one HTTP connection beneath evhttp: its socket, plain or TLS, a guard before evhttp's parser, a time limit for receiving a request, and the count of connections.
 *
 * evhttp sees only complete requests, one at a time. One that the guard refused is replaced by a request for REST_REFUSED_PATH, which the dispatcher answers in our own words. */
#ifndef M2M_REST_REST_CONN_H
#define M2M_REST_REST_CONN_H

#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

#include "base/list.h"
#include "base/str.h"
#include "tls/tls_stream.h"

#define REST_REFUSED_PATH "/.refused/"

struct rest_conns {
	struct event_base *base;
	struct tls *tls; /* NULL: plaintext */
	struct list all, gone;
	struct event *bury; /* frees those that are gone */
	unsigned count, max;
	unsigned receive_timeout_ms;
	/* Looks at a whole request before evhttp does; what it returns, unless absent, is the answer, sent in place of evhttp's. NULL: there is none. */
	struct str (*refuse)(void *arg, struct str request);
	void *refuse_arg;
	struct rest_conn *asking; /* whose request evhttp hands out at this moment; or NULL */
	char chunk[16384];        /* what one read takes */
};

struct rest_conn;

MUST_CHECK enum err rest_conns_init(struct rest_conns *set, struct event_base *base, struct tls *tls, unsigned max,
				    unsigned receive_timeout_ms); /* ERR_NO_MEMORY */
void rest_conns_clear(struct rest_conns *set);                    /* after evhttp_free */

/* For evhttp_set_bevcb; `arg` is the struct rest_conns. */
struct bufferevent *rest_conn_bufferevent(struct event_base *base, void *arg);

/* Within evhttp's request callback: the connection that the request came on. It stays until the request is answered. */
struct rest_conn *rest_conn_asking(const struct rest_conns *set);

/* To be called after evhttp_send_reply for that request: sends the answer, or as much of it as the socket takes. The connection may be gone afterwards. */
void rest_conn_flush(struct rest_conn *c);

/* To be asked again and again: closes the connections on which nothing has been received, worked on or sent for `idle_us`, as seen since the first time of asking. */
void rest_conns_close_idle(struct rest_conns *set, int64_t now_us, int64_t idle_us);

/* Before evhttp_free: lets it know those connections that the loop had no turn to attach. */
void rest_conns_settle(struct rest_conns *set);

#endif
