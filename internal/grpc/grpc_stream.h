/* What a connection tells a call, and asks of it: the call seen from below. grpc_call.h is the
 * same thing seen from above. */
#ifndef M2M_GRPC_GRPC_STREAM_H
#define M2M_GRPC_GRPC_STREAM_H

#include "grpc/grpc_conn.h"
#include "grpc/grpc_reply.h"
#include "grpc/grpc_sink.h"

/* At a stream's first HEADERS. NULL: out of memory. */
struct grpc_call *grpc_call_new(struct grpc_conn *conn, int32_t stream_id, int64_t now_us);
struct grpc_spares;
void grpc_call_free_spares(struct grpc_spares *spares);
struct grpc_call *grpc_call_of_conn_node(struct list *node);
int32_t grpc_call_stream_id(const struct grpc_call *call);
/* NULL: its stream has closed. */
struct grpc_conn *grpc_call_conn(const struct grpc_call *call);

/* One field of the request's header list. Returns the list's size so far (RFC 9113 section
 * 6.5.2). */
size_t grpc_call_field(struct grpc_call *call, struct str name, struct str value);
void grpc_call_headers_done(struct grpc_call *call);
/* Bytes of DATA, borrowed. */
void grpc_call_bytes(struct grpc_call *call, struct str bytes);
/* END_STREAM. */
void grpc_call_client_done(struct grpc_call *call);
/* The stream has closed, for whatever reason. The call is not to be used after this; it may live
 * on until its op has been answered. */
void grpc_call_closed(struct grpc_call *call);
/* The connection of an orphan (grpc_conn_orphans) goes. */
void grpc_call_forget_parent(struct grpc_call *call);

/* The call that makes room when it goes: the one that has waited longest for its client, of one
 * address or (NULL) of all. One whose request isn't whole is to be refused, else one whose answer
 * isn't read is to be given up: *ret_code says so to the client. NULL: there is none. */
struct peer;
struct grpc_call *grpc_call_in_the_way(struct grpc_server *server, struct peer *peer, uint32_t *ret_code);

/* Ends what has taken too long to arrive, or to be read. False: its headers aren't complete
 * either, so that nothing can be answered. */
bool grpc_call_tick(struct grpc_call *call, int64_t now_us);

/* The server shuts down: ends the calls that would not end by themselves, those of the server's
 * own methods. */
void grpc_call_drain(struct grpc_call *call);

/* How much of the body can go out now, `max` at most. 0 with *ret_end: that was all, and the
 * trailers are due; 0 without: more comes later. */
size_t grpc_call_next_piece(struct grpc_call *call, size_t max, bool *ret_end);
MUST_CHECK enum err grpc_call_move_piece(struct grpc_call *call, struct grpc_sink *to, size_t n);
/* The end of its HEADERS (grpc_reply_literals), once; else absent. */
struct str grpc_call_take_literals(struct grpc_call *call);
/* Its trailers may be grpc_reply_ok_frame. */
bool grpc_call_ends_well(const struct grpc_call *call);
/* The trailers, GRPC_TRAILERS_MAX at most, none if it wasn't gRPC; borrowed from the call. */
size_t grpc_call_trailers(struct grpc_call *call, nghttp2_nv *ret);

#endif
