/* A raw HTTP/2 client, and a small gRPC client on top of it, over a blocking socket with every
 * step bounded in time. It says on the wire exactly what a test asks for, wrong things too, and
 * judges nothing: what comes back is there to be asserted on.
 *
 *   h2_put_* -> struct h2_out -> h2_send          frames made by hand, one or many to a write
 *   h2_read -> struct h2_frame                    frames as they came, header blocks decoded
 *   grpc_start -> grpc_wait -> struct grpc_reply calls, several at once on a connection;
 *   whatever is read goes to the call it belongs to */
#ifndef M2M_TESTS_HARNESS_H2_H
#define M2M_TESTS_HARNESS_H2_H

#include <nghttp2/nghttp2.h>

#include "base/str.h"

#define H2_TIMEOUT_MS 15000
#define H2_FRAME_MAX  16384 /* the largest payload that either side takes (RFC 9113 section 4.2) */
#define H2_OUT_MAX    (256 * 1024)
#define H2_FIELDS_MAX 8192

/* ---- HTTP/2 ---- */

struct h2_out {
	size_t n;
	uint8_t p[H2_OUT_MAX];
};

struct h2 {
	int fd; /* -1: closed */
	/* SETTINGS and PING are not acknowledged, and DATA gives no window back */
	bool manual;
	bool closed;     /* the peer has closed */
	uint32_t stream; /* of the next call */
	/* SETTINGS_MAX_CONCURRENT_STREAMS as the server said it; 0: not yet */
	uint32_t max_streams;
	bool goaway; /* a GOAWAY came; the last one's words: */
	uint32_t goaway_error, goaway_last;
	struct grpc_reply *calls; /* started and not ended */
	nghttp2_hd_inflater *inflater;
	char fields[H2_FIELDS_MAX];
	size_t n, used;
	uint8_t in[2 * (H2_FRAME_MAX + 9)];
};

struct h2_frame {
	uint8_t type, flags;
	uint32_t stream;
	struct str payload; /* without padding; borrowed until the next read */
	/* HEADERS, with its CONTINUATIONs: "name: value\n" lines; borrowed likewise */
	const char *fields;
};

/* The TCP connection alone; `receive_buffer` in bytes, 0 for the system's. */
bool h2_connect(struct h2 *c, uint16_t port, int receive_buffer);
/* The connection, the preface and an empty SETTINGS frame. */
bool h2_open(struct h2 *c, uint16_t port);
/* The same, seen to come from `address`, one of 127.0.0.0/8. */
bool h2_open_from(struct h2 *c, const char *address, uint16_t port);
/* The same on a connected socket, which is taken over; the bytes that are sent first stand
 * before the preface. */
bool h2_open_on(struct h2 *c, int fd, const void *first, size_t n);
void h2_close(struct h2 *c);
/* Closes with a reset, as when a client is killed. */
void h2_abort(struct h2 *c);

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

void h2_put(struct h2_out *out, const void *bytes, size_t n);
/* A frame header alone: `length` may lie. */
void h2_put_head(struct h2_out *out, uint8_t type, uint8_t flags, uint32_t stream, size_t length);
void h2_put_frame(struct h2_out *out, uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t n);
/* A frame whose payload is one 32-bit number: RST_STREAM, WINDOW_UPDATE. */
void h2_put_number(struct h2_out *out, uint8_t type, uint32_t stream, uint32_t number);
/* A literal field, not indexed and without Huffman coding: part of a header block, so `out` is
 * not a frame. */
void h2_put_field(struct h2_out *out, const char *name, const char *value);
/* HEADERS with `block`, and CONTINUATIONs when it is longer than a frame. `flags` may hold
 * END_STREAM. */
void h2_put_headers(struct h2_out *out, uint8_t flags, uint32_t stream, const struct h2_out *block);

bool h2_send(struct h2 *c, const struct h2_out *out);
bool h2_send_bytes(struct h2 *c, const void *bytes, size_t n);
bool h2_send_frame(struct h2 *c, uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t n);

/* The next frame. False: none within the time, or c->closed. */
bool h2_read(struct h2 *c, struct h2_frame *ret, int timeout_ms);

/* True when a frame of that type comes within the time; what comes before it goes to the calls. */
bool h2_wait_frame(struct h2 *c, uint8_t type, struct h2_frame *ret, int timeout_ms);
/* True when the peer closes within the time, whatever it sends before. */
bool h2_wait_closed(struct h2 *c, int timeout_ms);

/* ---- protobuf ---- */

struct pb {
	size_t n;
	uint8_t p[20 * 1024];
};

/* Fields of a message, as proto3 has them: nothing is written for "" and 0. */
void pb_put_text(struct pb *m, unsigned field, const char *text);
void pb_put_int(struct pb *m, unsigned field, int64_t value);

/* The last value of a field; absent, 0 or "" when there is none. */
struct str pb_bytes(struct str message, unsigned field);
int64_t pb_int(struct str message, unsigned field);
const char *pb_text(struct str message, unsigned field, char *out, size_t cap);
/* Microseconds since 1970 of a google.protobuf.Timestamp field. */
int64_t pb_time_us(struct str message, unsigned field);

/* ---- gRPC ---- */

struct grpc_request {
	const char *path;
	const char *bearer;       /* NULL: none */
	const char *metadata;     /* more "name: value\n" lines; NULL: none */
	const struct pb *message; /* NULL: an empty message */
	const char *http_method;  /* NULL: POST */
	const char *content_type; /* NULL: application/grpc */
	bool compressed;          /* the message's flag */
	bool no_message, no_end;  /* HEADERS alone; END_STREAM is left to the test */
};

struct grpc_reply {
	struct grpc_reply *next;
	uint32_t stream;
	bool done;         /* the stream has ended, or the connection */
	int http;          /* :status; 0: none */
	int status;        /* grpc-status; -1: none */
	int64_t reset;     /* RST_STREAM's error; -1: none */
	unsigned blocks;   /* header blocks: 1 is trailers-only, 2 is headers and trailers */
	unsigned messages; /* whole ones so far */
	char fields[4096]; /* of all blocks: "name: value\n" lines */
	size_t data_n;
	uint8_t data[6144]; /* as it came, prefixes and all */
};

/* Puts a whole call, or as much as the request says. */
void grpc_put(struct h2_out *out, uint32_t stream, const struct grpc_request *q);

/* Sends it on a stream of its own; r is followed by whatever reads the connection until r->done. */
bool grpc_start(struct h2 *c, const struct grpc_request *q, struct grpc_reply *r);
/* The same for a call that the test sends by itself, on r->stream = the next stream. */
void grpc_follow(struct h2 *c, struct grpc_reply *r);

/* Reads one frame and gives it to its call. False as h2_read. */
bool grpc_turn(struct h2 *c, int timeout_ms);
/* Reads until the call has ended, or has `messages` whole ones. */
bool grpc_wait(struct h2 *c, struct grpc_reply *r, int timeout_ms);
bool grpc_wait_messages(struct h2 *c, struct grpc_reply *r, unsigned messages, int timeout_ms);

/* Starts and waits. Returns grpc-status, -1 without one. */
int grpc_call_on(struct h2 *c, const struct grpc_request *q, struct grpc_reply *r);
/* The same on a connection of its own. */
int grpc_call(uint16_t port, const struct grpc_request *q, struct grpc_reply *r);

/* The i-th whole message without its prefix, from 0; absent if there is none. *ret_compressed
 * may be NULL. */
struct str grpc_message(const struct grpc_reply *r, unsigned i, bool *ret_compressed);
/* The last value of a header or trailer, "" if there is none, in `out`. */
const char *grpc_field(const struct grpc_reply *r, const char *name, char *out, size_t cap);

/* What grpc-status-details-bin holds. */
struct grpc_details {
	int code; /* google.rpc.Status; -1: there is none */
	char message[512];
	char reason[64], domain[64], request_id[80]; /* google.rpc.ErrorInfo */
	int64_t retry_seconds;                       /* google.rpc.RetryInfo; -1: there is none */
};
void grpc_details(const struct grpc_reply *r, struct grpc_details *ret);

#endif
