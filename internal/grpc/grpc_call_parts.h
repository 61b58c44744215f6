/* The inside of struct grpc_call, for the files that it is made of. Each calls only those above it
 * in this list:
 *
 *   grpc_ask      what a call asks of its connection
 *   grpc_call     its life, and its phases
 *   grpc_answer   what goes back to the client
 *   grpc_receive  what the client sends, and by when
 *   grpc_conn     nghttp2's callbacks, which tell the call what came */
#ifndef M2M_GRPC_GRPC_CALL_PARTS_H
#define M2M_GRPC_GRPC_CALL_PARTS_H

#include <event2/event_struct.h>

#include "base/arena.h"
#include "grpc/grpc_call.h"
#include "grpc/grpc_conn.h"
#include "grpc/grpc_encode.h"
#include "grpc/grpc_metadata.h"
#include "grpc/grpc_out.h"
#include "grpc/grpc_reader.h"
#include "grpc/grpc_reply.h"
#include "op/op.h"

/* The codes of google.rpc.Code that stand for no error of ours (err_table.h). */
enum google_rpc { RPC_OK = 0, RPC_RESOURCE_EXHAUSTED = 8, RPC_UNAVAILABLE = 14 };

enum grpc_call_phase {
	CALL_HEADERS,
	CALL_REQUEST, /* messages come in */
	CALL_RUNNING, /* an op is under way */
	CALL_ENDED,   /* the status is settled; what is left to send goes out */
};

struct grpc_call {
	struct list node;       /* the connection's; then its orphans' */
	struct grpc_conn *conn; /* NULL: the stream has closed */
	/* of an orphan; NULL: it is none, or the connection has gone too */
	struct grpc_conn *parent;
	struct grpc_server *server;
	struct peer *peer;
	struct list of_all, of_address; /* while it waits for its client: grpc_call_in_the_way */
	int32_t stream_id;
	enum grpc_call_phase phase;
	int64_t active_us; /* when it began, or its last message came */
	struct arena *arena;

	unsigned long starved; /* starved_count() when it began */
	struct grpc_metadata metadata;
	const struct op_spec *spec; /* one of these two, or neither: there is nothing at its path */
	const struct grpc_method *method;
	bool own_stream; /* it counts as one */
	bool not_grpc;   /* not even gRPC: answered with an HTTP status */
	struct event deadline;
	bool has_deadline;

	struct grpc_reader reader;
	struct str message; /* the one that an operation takes, borrowed from the reader */
	unsigned messages;
	size_t held; /* received, and not yet given back to flow control */

	struct op *op;
	struct list method_node;
	void *method_data;

	bool gzip;           /* the reply as the request was */
	bool responded;      /* HEADERS are on their way */
	struct str literals; /* which they end with; absent: not any more */
	struct grpc_out out;
	int64_t unread_us;         /* since when there is something in `out`; 0: there isn't */
	struct grpc_status status; /* as it goes into the trailers */
};

/* ---- grpc_call.c ---- */

/* Asserts that the move is allowed: a call may skip phases, but never goes back. */
void grpc_call_move(struct grpc_call *call, enum grpc_call_phase to);

/* It isn't among those that could make room any more. */
void grpc_call_wait_no_more(struct grpc_call *call);
/* Something was put into `out`. */
void grpc_call_wait_for_reader(struct grpc_call *call);
/* What was received goes back to flow control. */
void grpc_call_give_back(struct grpc_call *call);
void grpc_call_free(struct grpc_call *call);

/* ---- grpc_answer.c ---- */

/* op->reply; `transport` is the call. */
void grpc_answer_op(struct op *op, void *transport);
/* The call ends with an error that needs no op. */
void grpc_answer_error(struct grpc_call *call, const struct grpc_error *error);

#endif
