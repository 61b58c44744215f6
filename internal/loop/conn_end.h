/* Why a client's connection ended: one table for both listeners, so that the metric, the log and
 * what HTTP/2's GOAWAY says use the same words.
 *
 * END(name, listeners that have it, word, sentence for a person)
 *
 * A connection ends once and for one reason. Whoever ends it says which; deploy/watching.md has
 * the table for operators. */
#ifndef M2M_LOOP_CONN_END_H
#define M2M_LOOP_CONN_END_H

#include <stdatomic.h>
#include <stdint.h>

#define CONN_HTTP 1u
#define CONN_GRPC 2u
#define CONN_BOTH (CONN_HTTP | CONN_GRPC)

/* clang-format off */
#define CONN_END_TABLE(END) \
	/* the client's doing */ \
	END(CLIENT_CLOSED,    CONN_BOTH, "client_closed",          "The client closed it.") \
	END(CLOSE_REQUESTED,  CONN_HTTP, "close_requested",        "The client asked for its end behind the answer: Connection: close, or HTTP/1.0.") \
	END(LOST,             CONN_BOTH, "lost",                   "It broke: a reset, or a failure of the network.") \
	END(HANDSHAKE_FAILED, CONN_BOTH, "handshake_failed",       "The TLS handshake failed.") \
	/* time */ \
	END(IDLE,             CONN_BOTH, "idle",                   "Nothing was asked for M2M_IDLE_TIMEOUT_MS.") \
	END(GREETING_TIMEOUT, CONN_BOTH, "greeting_timeout",       "The PROXY header or the TLS handshake took longer than M2M_RECEIVE_TIMEOUT_MS.") \
	END(REQUEST_TIMEOUT,  CONN_HTTP, "request_timeout",        "A request took longer than M2M_RECEIVE_TIMEOUT_MS to arrive.") \
	END(UNREAD,           CONN_BOTH, "answer_unread",          "The client took too long to read its answers.") \
	END(PING_TIMEOUT,     CONN_GRPC, "ping_timeout",           "A client with open calls didn't answer a PING.") \
	/* what isn't understood, or is too much */ \
	END(NO_PROXY_HEADER,  CONN_BOTH, "no_proxy_header",        "A trusted proxy sent no PROXY header of version 2.") \
	END(MALFORMED,        CONN_BOTH, "malformed",              "What the client sent is not well-formed HTTP, or too large.") \
	END(NOT_HTTP2,        CONN_GRPC, "not_http2",              "The client spoke something else than HTTP/2.") \
	END(NO_SETTINGS,      CONN_GRPC, "no_settings",            "The client's SETTINGS took longer than M2M_RECEIVE_TIMEOUT_MS.") \
	END(HEADERS_SLOW,     CONN_GRPC, "headers_too_slow",       "A call's headers took longer than M2M_RECEIVE_TIMEOUT_MS.") \
	END(HEADERS_LARGE,    CONN_GRPC, "header_list_too_large",  "A call's headers were far too large.") \
	END(HEADERS_LATE,     CONN_GRPC, "headers_behind_the_end", "Headers came behind the end of their stream.") \
	END(MANY_RESETS,      CONN_GRPC, "too_many_resets",        "The gateway had to reset too many streams.") \
	END(MANY_CANCELS,     CONN_GRPC, "too_many_cancels",       "The client cancelled too many calls, or opened too many that were refused.") \
	END(MANY_PINGS,       CONN_GRPC, "too_many_pings",         "The client sent too many PING frames.") \
	END(MANY_SETTINGS,    CONN_GRPC, "too_many_settings",      "The client sent too many SETTINGS frames.") \
	END(MANY_FRAMES,      CONN_GRPC, "too_many_frames",        "The client sent too many frames that are no work.") \
	END(MANY_EMPTY,       CONN_GRPC, "too_many_empty_frames",  "The client sent too many empty DATA frames.") \
	END(MANY_LATE,        CONN_GRPC, "too_many_late_frames",   "The client sent too many frames for closed streams.") \
	/* the gateway's doing */ \
	END(TOO_MANY,         CONN_BOTH, "too_many_connections",   "There were too many connections, of all or of its address.") \
	END(NO_MEMORY,        CONN_BOTH, "no_memory",              "Memory was short.") \
	END(DRAINED,          CONN_BOTH, "drained",                "The gateway shut down, and nothing of it was left to do.") \
	END(STOPPED,          CONN_BOTH, "stopped",                "The gateway ended before it was done.")
/* clang-format on */

enum conn_end {
	CONN_END_NONE, /* it goes on */
#define CONN_END_NAME(name, listeners, word, text) CONN_END_##name,
	CONN_END_TABLE(CONN_END_NAME)
#undef CONN_END_NAME
		CONN_END_COUNT
};

struct conn_end_info {
	unsigned listeners;
	const char *word;
	const char *text;
};

/* The first reason counts; that the client sends no more is none where there is another. */
static inline void conn_end_decide(enum conn_end *end, enum conn_end why)
{
	if (*end == CONN_END_NONE || *end == CONN_END_CLIENT_CLOSED)
		*end = why;
}

/* Of any reason but CONN_END_NONE. */
const struct conn_end_info *conn_end_info(enum conn_end why);

/* How many connections of a listener ended for which reason: written by its worker, read by any
 * thread. */
struct conn_ends {
	_Atomic uint64_t counts[CONN_END_COUNT];
};

void conn_ends_note(struct conn_ends *ends, enum conn_end why);
uint64_t conn_ends_of(const struct conn_ends *ends, enum conn_end why);

#endif
