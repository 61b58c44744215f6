/* The inside of struct grpc_server, and what connections, calls and methods ask of it. Private to
 * grpc/. */
#ifndef M2M_GRPC_GRPC_SERVER_PARTS_H
#define M2M_GRPC_GRPC_SERVER_PARTS_H

#include <stdatomic.h>

#include "base/peers.h"
#include "grpc/grpc_call.h"
#include "grpc/grpc_doorstep.h"
#include "grpc/grpc_health.h"
#include "grpc/grpc_server.h"
#include "grpc/grpc_sink.h"
#include "loop/accept.h"
#include "loop/cooling.h"

/* A table of the server's own methods. */
struct grpc_methods {
	const struct grpc_method *at;
	size_t n;
};
#define GRPC_METHODS 2 /* health and reflection */

/* Calls that have gone, whose memory the next ones take. */
#define GRPC_SPARES_MAX 256
struct grpc_spares {
	unsigned n;
	struct grpc_call *calls[GRPC_SPARES_MAX];
};

struct grpc_server {
	struct event_base *base;
	struct op_env *env;
	struct tls *tls;             /* NULL: plaintext */
	struct accept_set listeners; /* none: draining */
	bool accepting;
	struct grpc_doorstep doorstep;
	struct event *tick, *flush;
	struct list awake; /* connections that flush at the end of this turn */
	struct list conns;
	struct peers peers;
	_Atomic unsigned conn_count, coming_count; /* connections: open, and to be taken */
	unsigned call_count, stream_count;
	bool (*place)(void *arg, int fd); /* NULL: none */
	void *place_arg;
	struct cooling cooling;
	struct list waiting, unread; /* of calls */
	size_t backlog;
	struct arena *arena; /* the reflection's */
	struct grpc_reflection *reflection;
	struct grpc_health health;
	struct grpc_methods methods[GRPC_METHODS]; /* the server's own */
	struct conn_ends ends;                     /* why those connections that are gone are */
	char chunk[65536];                         /* what one read takes: a batch of calls */
	struct grpc_gathered gathered;
	struct grpc_spares spares;
};

struct op_env *grpc_server_env(struct grpc_server *s);
struct event_base *grpc_server_base(struct grpc_server *s);
/* Where a connection reads to, one after the other. */
struct str grpc_server_chunk(struct grpc_server *s);
/* Where a connection gathers what it writes. */
struct grpc_gathered *grpc_server_gathered(struct grpc_server *s);
struct grpc_spares *grpc_server_spares(struct grpc_server *s);
/* A connection's node, which leaves that list by itself: grpc_conn_flush is called once, by the
 * end of this turn of the loop (grpc_server_flush). */
void grpc_server_flush_soon(struct grpc_server *s, struct list *conn);

/* One of the server's own methods; NULL if there is none at this path. */
const struct grpc_method *grpc_server_method(struct grpc_server *s, struct str path);

/* ---- what the listener has to give, and who has it ----
 *
 * Connections, calls, and the streams of the server's own methods, which have a number of their
 * own: they may stay open for as long as the client likes. Of each an address has its share
 * (peers.h). */

/* Streams on one connection at once, so that no connection holds much of what there is. */
#define GRPC_STREAMS_MAX 256
unsigned grpc_server_conn_calls_max(const struct grpc_server *s);
/* Of these, the server's own methods'. */
#define GRPC_OWN_STREAMS_MAX 8

/* NULL: the address has too many, or there is no memory. Else the connection's, until it is
 * gone. */
struct peer *grpc_server_conn_opened(struct grpc_server *s, struct str remote_addr);
void grpc_server_conn_gone(struct grpc_server *s, struct peer *peer, enum conn_end why);
/* One that didn't become a connection: closes the socket. */
void grpc_server_turn_away(struct grpc_server *s, int fd, enum conn_end why);

/* Whether there is room for a call more of `peer`. */
bool grpc_server_takes_call(const struct grpc_server *s, const struct peer *peer, bool *ret_has_many);
void grpc_server_call_opened(struct grpc_server *s, struct peer *peer);
void grpc_server_call_gone(struct grpc_server *s, struct peer *peer);

/* The call is a stream of the server's own methods, and counts as such. False: there are too
 * many. */
bool grpc_server_takes_stream(struct grpc_server *s, struct peer *peer);
void grpc_server_stream_gone(struct grpc_server *s, struct peer *peer);

/* The calls that could make room, the oldest first. */
struct list *grpc_server_waiting(struct grpc_server *s); /* for their requests to be whole */
struct list *grpc_server_unread(struct grpc_server *s);  /* for their answers to be read */

/* Bytes that streams have not read yet, of all together; it is asked before a large one is
 * added. */
size_t *grpc_server_backlog(struct grpc_server *s);

#endif
