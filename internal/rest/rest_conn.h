/* The server side of one HTTP connection beneath evhttp: its socket, plain or TLS, a guard
 * before evhttp's parser, a time limit for receiving a request, and the count of connections.
 *
 * Complete requests, one at a time, go to who serves them, past evhttp (rest_conns.take). Those
 * that this one doesn't take go to evhttp. What the guard refuses is answered past evhttp too
 * (rest_conns.refuse), and is the connection's last. */
#ifndef M2M_REST_REST_CONN_H
#define M2M_REST_REST_CONN_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdbool.h>

#include "base/forwarded.h"
#include "base/peers.h"
#include "base/str.h"
#include "loop/accept.h"
#include "loop/conn_end.h"
#include "loop/cooling.h"
#include "tls/tls_stream.h"

struct rest_conn;

struct rest_conns {
	struct event_base *base;
	struct tls *tls; /* NULL: plaintext */
	const struct proxies *proxies;
	struct list all, gone;
	struct event *bury; /* frees those that are gone */
	struct cooling cooling;
	unsigned count;
	unsigned held, max; /* those that are not over the limit; and the limit */
	struct peers peers; /* what is fair when there is little room (base/peers.h) */
	unsigned receive_timeout_ms;
	int descriptors_max; /* a socket with this number or a higher one is too many; 0: none is */
	/* Asked about each whole, well-formed request that leaves the connection as it is,
	 * before evhttp is: true if it is answered with rest_conn_answer, now or later. Its
	 * bytes are gone after the call. NULL: evhttp gets all. */
	bool (*take)(void *arg, struct rest_conn *c, struct str request);
	void *take_arg;
	/* Answers bytes that can't be served with rest_conn_answer, as the connection's last
	 * answer; `why` is http_guard_feed's. */
	void (*refuse)(void *arg, struct rest_conn *c, enum err why);
	const struct accept_set *listeners; /* pause while memory is low; NULL: there are none */
	/* whose request evhttp hands out at this moment; or NULL */
	struct rest_conn *asking;
	struct conn_ends ends; /* why those that are gone are */
	char chunk[16384];     /* what one read takes */
};

MUST_CHECK enum err rest_conns_init(struct rest_conns *set, struct event_base *base, struct tls *tls, const struct proxies *proxies,
				    /* ERR_NO_MEMORY, ERR_IO */
				    unsigned max, unsigned receive_timeout_ms);
/* after evhttp_free */
void rest_conns_clear(struct rest_conns *set);

/* For evhttp_set_bevcb; `arg` is the struct rest_conns. */
struct bufferevent *rest_conn_bufferevent(struct event_base *base, void *arg);

/* Within evhttp's request callback: the connection that the request came on. It stays until the
 * request is answered. evhttp may hand a request out late, when memory was short: then it is
 * found by `evcon`. NULL: the connection is gone. */
struct rest_conn *rest_conn_asking(const struct rest_conns *set, const struct evhttp_connection *evcon);

/* Begins to find out who has sent a request of this connection. */
void rest_conn_ask_caller(const struct rest_conn *c, struct forwarded *ret);

/* What the client has shown in its handshake; NULL: none. */
struct client_certificate *rest_conn_certificate(const struct rest_conn *c);

/* The answer to a request that `take` took, exactly once: sends it, or as much of it as the
 * socket takes, the rest later. The connection may be gone afterwards. `last`: why it ends behind
 * the answer; CONN_END_NONE: it goes on. `release(NULL, 0, owner)` is called when head and body
 * aren't needed any more, possibly at once; NULL: they are copied, as far as they have to wait.
 * `body` may be absent. */
void rest_conn_answer(struct rest_conn *c, struct str head, struct str body, enum conn_end last, evbuffer_ref_cleanup_cb release,
		      void *owner);

/* Before the answer to a request that is refused for want of room (loop/cooling.h). */
void rest_conn_cool(struct rest_conn *c);

/* To be called after evhttp_send_reply for that request: sends the answer, or as much of it as
 * the socket takes. The connection may be gone afterwards. `last` as above; evhttp has to know
 * from the answer's Connection: close. */
void rest_conn_flush(struct rest_conn *c, enum conn_end last);

/* To be asked again and again: closes the connections on which nothing has been received, worked
 * on or sent for `idle_us`, as seen since the first time of asking. */
void rest_conns_close_idle(struct rest_conns *set, int64_t now_us, int64_t idle_us);

/* Before evhttp_free, which ends all that are left: lets it know those connections that the loop
 * had no turn to attach. */
void rest_conns_settle(struct rest_conns *set);

#endif
