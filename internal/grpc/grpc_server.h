/* The gRPC listener of one worker: HTTP/2 connections (grpc_conn.h), each with its calls
 * (grpc_call.h). */
#ifndef M2M_GRPC_GRPC_SERVER_H
#define M2M_GRPC_GRPC_SERVER_H

#include <event2/event.h>

#include "loop/conn_end.h"
#include "op/op.h"
#include "tls/tls.h"

struct grpc_server;
struct grpc_health;
struct grpc_reflection;

/* `fds`: n bound, listening, non-blocking sockets, taken over. NULL: out of memory (the sockets
 * are closed). `env` and `tls` (NULL: plaintext) are borrowed. */
struct grpc_server *grpc_server_new(struct event_base *base, struct op_env *env, struct tls *tls, const int *fds, unsigned n);

/* What grpc.health.v1.Health answers from now on; Watch streams are told when it changes. False
 * before the first call. */
void grpc_server_note_ready(struct grpc_server *s, bool ready);

/* Begins to accept. What has connected before has waited for it. */
void grpc_server_accept(struct grpc_server *s);

/* From now on `place` is asked about each connection that is accepted: true when it has given the
 * socket to another worker's server, which takes it by grpc_server_take. */
void grpc_server_place_by(struct grpc_server *s, bool (*place)(void *arg, int fd), void *arg);

/* One that another worker has accepted, and has announced. */
void grpc_server_take(struct grpc_server *s, int fd);

/* From any thread: one is coming by grpc_server_take, or isn't any more. */
void grpc_server_announce(struct grpc_server *s, bool coming);

/* Connections that are open or coming. From any thread. */
unsigned grpc_server_load(const struct grpc_server *s);

/* What was answered in this turn of the loop leaves now, not at its end. It may end connections,
 * so it isn't for within an answer. */
void grpc_server_flush(struct grpc_server *s);

/* Stops accepting and sends GOAWAY on every connection: first the notice that new streams go
 * elsewhere, then, once clients have seen it, the last stream that counts. A connection closes
 * when its last call has been answered. */
void grpc_server_drain(struct grpc_server *s);

/* No connection is open. */
bool grpc_server_idle(const struct grpc_server *s);

/* Open connections. */
unsigned grpc_server_connections(const struct grpc_server *s);

/* Why those ended that have. From any thread. */
const struct conn_ends *grpc_server_ends(const struct grpc_server *s);

/* Every op must have been answered before. NULL is allowed. */
void grpc_server_free(struct grpc_server *s);

/* For the server's own methods. */
struct grpc_health *grpc_server_health(struct grpc_server *s);
struct grpc_reflection *grpc_server_reflection(struct grpc_server *s);

#endif
