/* The inside of struct grpc_conn, for the files that it is made of. Each calls only those above
 * it in this list:
 *
 *   grpc_sink    what goes out, gathered or waiting for the socket
 *   grpc_phase   the phases, and which may follow which
 *   grpc_budget  what a client's frames and resets may cost
 *   grpc_exit    the one function that moves a connection, and what decides its end
 *   grpc_guard   frames, before nghttp2 sees them
 *   grpc_ask     what calls ask of their connection
 *                (here the files that a call is made of: grpc_call_parts.h)
 *   grpc_conn    nghttp2's callbacks: calls come and go
 *   grpc_link    the bytes between socket and nghttp2, its timers, its beginning and its exit */
#ifndef M2M_GRPC_GRPC_CONN_PARTS_H
#define M2M_GRPC_GRPC_CONN_PARTS_H

#include <event2/event.h>

#include "base/peers.h"
#include "grpc/grpc_budget.h"
#include "grpc/grpc_conn.h"
#include "grpc/grpc_frames.h"
#include "grpc/grpc_phase.h"
#include "grpc/grpc_sink.h"
#include "loop/conn_end.h"
#include "loop/cooling.h"
#include "tls/tls_stream.h"

struct grpc_conn {
	struct list node;
	struct list awake; /* among those that flush at the end of this turn */
	struct grpc_server *server;
	struct tls_stream stream;
	struct event *readable, *writable;
	struct evbuffer *in; /* what was read and couldn't be worked on yet; NULL: never any */
	struct grpc_sink out;
	bool reading;                           /* `readable` is watched */
	bool writing;                           /* perhaps `writable` is */
	struct client_certificate *certificate; /* shown in the handshake; NULL: none */
	nghttp2_session *session;
	nghttp2_data_provider pieces; /* takes a call's answer, piece by piece */
	enum grpc_phase phase;
	bool shaking;      /* the TLS handshake goes on */
	enum conn_end end; /* why it ends, once that is decided */
	struct remote remote;
	struct peer *peer;
	struct grpc_frames frames;

	struct list calls, orphans;
	unsigned calls_open, own_streams, orphans_n;
	/* perhaps, after the first call: the next header block is for nghttp2 to make */
	bool table_changed;
	bool waiting; /* nothing is read, until fewer orphans are left */
	struct cooled cooled;
	bool answered_since_ping;

	struct grpc_budget work, resets;
	int32_t last_stream;       /* the highest that the client has opened */
	struct grpc_streams reset; /* by the gateway: they aren't once more */
	struct grpc_streams ended; /* by the client's END_STREAM */
	int64_t idle_since_us;     /* since when no call is open */
	int64_t received_us;       /* the last bytes */
	int64_t ping_us;           /* our PING that waits for its answer; 0: none */
	int64_t bye_us;            /* when the notice was sent, or lingering began */
};

/* What comes is still read, and worked on. */
static inline bool grpc_conn_reads(const struct grpc_conn *c)
{
	return c->phase <= GRPC_FAREWELL;
}

/* ---- grpc_exit.c ---- */

/* Asserts that the move is allowed. */
void grpc_conn_move(struct grpc_conn *c, enum grpc_phase to);
/* Frames are made at the end of this turn. */
void grpc_conn_wake(struct grpc_conn *c);

/* What is wrong: the client is told, by `why`'s word or, of what nghttp2 has found, by its own
 * `text` (else NULL). Answers that are ready still go out before. */
void grpc_conn_go_away(struct grpc_conn *c, uint32_t code, enum conn_end why, const char *text);
/* The last GOAWAY of a farewell. */
void grpc_conn_say_bye(struct grpc_conn *c);
/* A frame without which a call would wait for ever can't be had: memory is out. Every call ends
 * with the connection. */
void grpc_conn_give_up(struct grpc_conn *c);

/* ---- grpc_guard.c ---- */

/* Each frame whose type is known; all before it has been worked on. False: the client has
 * cancelled so much that it is to be told farewell (grpc_conn_drain). */
MUST_CHECK bool grpc_guard_frame(struct grpc_conn *c, const nghttp2_frame_hd *hd);
/* A stream was reset by the gateway. As above. */
MUST_CHECK bool grpc_guard_reset(struct grpc_conn *c, int32_t id, uint32_t code);
/* Of a new connection. */
void grpc_guard_init(struct grpc_conn *c, int64_t now_us);

/* ---- grpc_conn.c ---- */

/* NULL: out of memory. */
nghttp2_session *grpc_conn_session(struct grpc_conn *c);
/* A frame that nghttp2 has made goes out. */
MUST_CHECK enum err grpc_conn_put_frame(struct grpc_conn *c, struct str frame);
/* Ends all calls of one that is about to go. */
void grpc_conn_drop_calls(struct grpc_conn *c);

#endif
