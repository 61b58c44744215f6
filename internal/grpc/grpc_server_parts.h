/* What connections and calls need of their server. Private to grpc/. */
#ifndef M2M_GRPC_GRPC_SERVER_PARTS_H
#define M2M_GRPC_GRPC_SERVER_PARTS_H

#include "base/peers.h"
#include "grpc/grpc_call.h"
#include "grpc/grpc_server.h"

struct op_env *grpc_server_env(struct grpc_server *s);
struct event_base *grpc_server_base(struct grpc_server *s);
struct tls *grpc_server_tls(struct grpc_server *s);

/* One of the server's own methods; NULL if there is none at this path. */
const struct grpc_method *grpc_server_method(struct str path);

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
void grpc_server_conn_gone(struct grpc_server *s, struct peer *peer);

/* Whether `peer` may have a call more. If there is no room, the call that has waited longest for
 * its client is refused: of the same address where that has many, else of all. */
bool grpc_server_takes_call(struct grpc_server *s, struct peer *peer);
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
