/* One HTTP/2 connection (RFC 9113): nghttp2's session between a socket and the calls.
 *
 *   socket -> tls_stream -> nghttp2 -> callbacks -> grpc_receive -> ... -> grpc_answer ->
 *   grpc_ask -> nghttp2 -> tls_stream -> socket
 *
 * grpc_phase.h has the phases; grpc_conn_parts.h tells which file does what.
 *
 * A client's bounds: streams at once, header list, bytes of an unfinished request (a message's, and
 * the stream's receive window, given back only when a message is whole), frames that are no work (a
 * budget that answered calls refill), resets (a budget that time refills), cancelled calls that the
 * store works on (nothing is read while there are many), time for a request to arrive, time without
 * a call, time to read what it asked for.
 *
 * Resets. What the client resets, or makes the gateway reset, costs it units of one budget:
 *
 *   a fault     malformed HEADERS, an overflowing window, an answer that isn't read: GOAWAY at
 *               the end
 *   a refusal   there is no room for the call: a farewell
 *   a cancel    RST_STREAM for a call that was well-formed: a farewell
 *
 * An honest client has no faults, and may cancel thousands of calls a second. The farewell
 * (GOAWAY, and what is open is answered) loses none of its calls: others go on with a new
 * connection.
 *
 * A frame for a stream that has closed may have crossed a reset (RFC 9113 section 5.1). It is
 * read past, answered with RST_STREAM once, and costs a frame. */
#ifndef M2M_GRPC_GRPC_CONN_H
#define M2M_GRPC_GRPC_CONN_H

#include <nghttp2/nghttp2.h>

#include "base/forwarded.h"
#include "base/list.h"
#include "grpc/grpc_call.h"
#include "loop/conn_end.h"
#include "loop/cooling.h"
#include "tls/tls.h"

struct grpc_conn;

/* ---- for grpc_server.c ---- */

/* Takes `fd` over, which speaks TLS unless `tls` is NULL or none of gRPC's, and puts the
 * connection into `list`, which it leaves by itself when it ends. If its address has too many, or
 * there is no memory, the socket is closed. */
void grpc_conn_open(struct grpc_server *server, struct list *list, int fd, struct tls *tls, const struct remote *remote);
struct grpc_conn *grpc_conn_of_node(struct list *node);

/* Frames go out, of a connection that waited for it (grpc_server_flush_soon). May free it. */
void grpc_conn_flush(struct list *awake);
/* Time passes: ends what has taken too long. May free the connection. */
void grpc_conn_tick(struct grpc_conn *c, int64_t now_us);
/* One of the server's `cooling` cools no longer. May free the connection. */
void grpc_conn_read_on(struct cooled *cooled);
/* A farewell, for `why`: no new calls; it closes when the open ones are done. */
void grpc_conn_drain(struct grpc_conn *c, enum conn_end why);
/* The one exit: at once, for `why` unless another reason was decided before. */
void grpc_conn_end(struct grpc_conn *c, enum conn_end why);

/* ---- for the calls: grpc_ask.c ---- */

struct grpc_server *grpc_conn_server(struct grpc_conn *c);
const struct remote *grpc_conn_remote(const struct grpc_conn *c);
/* What the client has shown in its handshake; NULL: none. */
struct client_certificate *grpc_conn_certificate(const struct grpc_conn *c);
struct list *grpc_conn_calls(struct grpc_conn *c);

/* Sends the response's HEADERS, and after them what grpc_call_next_piece and its companions
 * give; without a body they end the stream. False: out of memory. */
bool grpc_conn_respond(struct grpc_conn *c, int32_t stream_id, const nghttp2_nv *fields, size_t n, bool body);
/* There is more to send, or the end. */
void grpc_conn_more(struct grpc_conn *c, int32_t stream_id);
/* Gives back `n` bytes of the stream's receive window. */
void grpc_conn_consumed(struct grpc_conn *c, int32_t stream_id, size_t n);
/* The client got an answer. */
void grpc_conn_credit(struct grpc_conn *c);
/* Ends the stream without an answer. */
void grpc_conn_reset(struct grpc_conn *c, int32_t stream_id, uint32_t code);

struct peer *grpc_conn_peer(struct grpc_conn *c);
/* A stream of the server's own methods. False: the connection has as many as it may. */
bool grpc_conn_takes_stream(struct grpc_conn *c);
void grpc_conn_stream_gone(struct grpc_conn *c);
/* A call is refused for want of room (loop/cooling.h). */
void grpc_conn_cool(struct grpc_conn *c);
/* A call of this connection that goes on without a stream, since the store has begun with it;
 * its node goes into the list. And it has ended: then the node leaves the list by itself. */
struct list *grpc_conn_orphans(struct grpc_conn *c);
void grpc_conn_orphaned(struct grpc_conn *c);
void grpc_conn_orphan_gone(struct grpc_conn *c);

#endif
