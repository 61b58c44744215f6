/* One gRPC call, which is one HTTP/2 stream: its life.
 *
 *   headers -> request messages -> running -> reply -> gone
 *
 * 1. grpc_conn.c makes a call at a stream's first HEADERS frame and hands over fields, bytes,
 *    the end of the stream and its closing.
 * 2. The path finds an operation (op/op_table.h), which takes one message and becomes a struct
 *    op, or one of the server's own methods (health, reflection), which may take and send many.
 *    What can't be read becomes an op as well, already failed, so that it is answered, counted
 *    and logged like any other.
 * 3. The reply is HEADERS, DATA, trailers; an error is trailers only.
 *
 * A call whose stream has closed lives on until its op has been answered, since what the store
 * has begun completes. */
#ifndef M2M_GRPC_GRPC_CALL_H
#define M2M_GRPC_GRPC_CALL_H

#include "base/list.h"
#include "base/str.h"

struct grpc_call;
struct grpc_server;

/* A method that isn't an operation: a table of these is what health and reflection give the
 * server. */
struct grpc_method {
	const char *path; /* "/grpc.health.v1.Health/Check" */
	/* it stays open for as long as the client likes: it has room of its own, and little */
	bool own_stream;
	/* the client may send more than one message; else a second one, or none, is refused with
	 * UNIMPLEMENTED before the method sees anything */
	bool many;
	/* One whole message, borrowed until it returns; it answers with grpc_call_send and
	 * grpc_call_end, now or later. */
	void (*on_message)(struct grpc_call *call, struct str message);
	/* The client has sent everything (`many` only). NULL: the call ends with OK. */
	void (*on_client_done)(struct grpc_call *call);
	/* The call goes away, for whatever reason: nothing may be sent any more, and call data
	 * must be let go. NULL: nothing to let go. */
	void (*on_gone)(struct grpc_call *call);
};

/* Sends one message (without prefix; it is copied). False: the call can't take it: it is ending,
 * or a client that doesn't read has let too much pile up, in which case it is ended with
 * RESOURCE_EXHAUSTED. */
bool grpc_call_send(struct grpc_call *call, struct str message);

/* Ends the call with a numeric google.rpc.Code; what was sent goes out first. `message` is for a
 * person, may be absent. Only the first end counts. */
void grpc_call_end(struct grpc_call *call, int status, struct str message);

/* The server that the call came to. */
struct grpc_server *grpc_call_server(struct grpc_call *call);

/* One pointer and one list node for the method's own use. */
void **grpc_call_data(struct grpc_call *call);
struct list *grpc_call_node(struct grpc_call *call);
struct grpc_call *grpc_call_of_node(struct list *node);

#endif
