/* The inside of struct rest_conn, for the files that it is made of. Each calls only those above
 * it in this list:
 *
 *   rest_phase     the phases, and which may follow which
 *   rest_exit      the one function that moves a connection, and its one exit
 *   rest_write     bytes to the socket
 *   rest_doorstep  who is at the other end, and its share of the connections
 *   rest_exchange  bytes from the socket -> a request -> its answer -> the next one
 *   rest_conn      its beginning, its timers, the set of all */
#ifndef M2M_REST_REST_CONN_PARTS_H
#define M2M_REST_REST_CONN_PARTS_H

#include "base/proxy_header.h"
#include "rest/http_guard.h"
#include "rest/rest_conn.h"
#include "rest/rest_phase.h"

/* What comes in from the socket. */
enum rest_intake {
	REST_PAUSED,  /* enough waits here */
	REST_READING, /* `readable` is added */
	REST_ENDED,   /* the client sends no more */
};

struct rest_conn {
	struct list node;
	struct rest_conns *set;
	struct bufferevent *bev;
	struct evhttp_connection *evcon; /* NULL: attaching */
	struct tls_stream stream;
	struct client_certificate *certificate; /* shown in the handshake; NULL: none */
	struct event *readable, *writable;      /* NULL: attaching */
	struct event *timer;                    /* attaching first, then the receive timeout */
	/* goes on in the next turn with what others had to be let before */
	struct event *again;
	struct http_guard guard;
	/* what was read and isn't looked at yet, in the set's chunk, while it is being read */
	struct str fresh;
	struct evbuffer *pending; /* what came before that and nobody works on */
	size_t dropped;           /* bytes of it that were read only to be thrown away */
	enum rest_phase phase;
	enum rest_intake intake;
	/* Why it ends as soon as nothing is under way; CONN_END_NONE: it goes on. */
	enum conn_end end;
	bool in_place; /* the request was taken: evhttp knows of none */
	bool feeding;  /* feed is at work, and takes the next request itself */
	/* who is at the other end, or behind a proxy that speaks for it */
	struct remote remote;
	struct proxy_header *proxy_header; /* that hasn't come whole yet; else NULL */
	struct peer *peer;                 /* NULL: attaching, or turned away */
	struct cooled cooled;
	/* since when it is seen to be idle, by who closes idle ones; 0: it wasn't */
	int64_t idle_us;
};

/* ---- rest_exit.c ---- */

/* Asserts that the move is allowed. */
void rest_conn_move(struct rest_conn *c, enum rest_phase to);

/* It shall end for this reason. The first one counts, but that the client sends no more is none
 * as long as there is another. */
void rest_conn_decide(struct rest_conn *c, enum conn_end why);

/* Ends it now: for `why`, unless another reason was decided before. Nobody may be working on a
 * request of it. Its memory stays until the loop's callbacks have ended. */
void rest_conn_end(struct rest_conn *c, enum conn_end why);

/* evhttp knows of none, or the socket is about to be closed by it: evhttp's close callback. */
void rest_conn_on_closed(struct evhttp_connection *evcon, void *conn);
void rest_conn_forget(struct rest_conn *c);

/* Frees its memory, and that of all that are gone. */
void rest_conn_destroy(struct rest_conn *c);
void rest_conns_bury(struct rest_conns *set);

/* Its share of the connections (rest_doorstep.c takes it). */
void rest_conn_leave_peer(struct rest_conn *c);

/* The receive timeout, from now on. */
void rest_conn_begin_timer(struct rest_conn *c);

/* ---- rest_write.c ---- */

/* Past evhttp, where no request of it exists to answer. False: it, or its end, wasn't taken, and
 * nothing may be written behind it. */
MUST_CHECK bool rest_write_raw(struct rest_conn *c, struct str text);

/* Best effort: tells the client why nothing of it is served, and the log. */
void rest_write_refusal(struct rest_conn *c, enum err err, const char *detail);

enum rest_written {
	REST_WRITTEN, /* all of it */
	REST_WRITING, /* the rest when the socket takes it */
	REST_NOWHERE, /* nobody reads it, or what couldn't be sent couldn't be kept */
};

/* What lies in the output. */
MUST_CHECK enum rest_written rest_write_output(struct rest_conn *c);
/* From where it lies; rest_conn_answer says what `release` is. */
MUST_CHECK enum rest_written rest_write_answer(struct rest_conn *c, struct str head, struct str body, evbuffer_ref_cleanup_cb release,
					       void *owner);

/* ---- rest_doorstep.c ---- */

/* Who is at the other end of the socket, and whether there is room for it (rest_conn_decide).
 * False: there is no memory for what it is to say first. */
MUST_CHECK bool rest_doorstep_meet(struct rest_conn *c, int fd, bool *ret_local);
/* Reads the PROXY header. True: it has come whole, and the connection goes on. */
MUST_CHECK bool rest_doorstep_read(struct rest_conn *c);
/* Tells one for which there is no room, and ends it. */
void rest_doorstep_turn_away(struct rest_conn *c);

/* ---- rest_exchange.c ---- */

/* The loop's callbacks. */
void rest_exchange_readable(evutil_socket_t fd, short what, void *conn);
void rest_exchange_writable(evutil_socket_t fd, short what, void *conn);
void rest_exchange_again(evutil_socket_t fd, short what, void *conn);

#endif
