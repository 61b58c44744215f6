/* Looks at a connection's raw bytes before evhttp's parser does, since that parser forgives what
 * request smuggling lives on (RFC 9112 section 11.2): bare LF, folded headers, NUL, a space
 * before the colon, odd chunk sizes, two lengths, unknown transfer codings.
 *
 * A guard follows the framing of one request after another: feed it bytes, it tells where a
 * request ends or why the connection can't go on. It keeps no bytes and knows no sockets
 * (rest_exchange.c does), so that it can be fuzzed. */
#ifndef M2M_REST_HTTP_GUARD_H
#define M2M_REST_HTTP_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HTTP_TARGET_MAX  2048
#define HTTP_HEAD_MAX    16384
#define HTTP_HEADERS_MAX 64
#define HTTP_BODY_MAX    16384
/* An oversized body of up to this many bytes is read to its end, so that the client gets to read
 * the 413 instead of a reset. */
#define HTTP_SWALLOW_MAX (1024 * 1024)

enum guard_state {
	GUARD_METHOD,
	GUARD_TARGET,
	GUARD_AUTHORITY,
	GUARD_VERSION,
	GUARD_LINE_LF,
	GUARD_HEADER_START,
	GUARD_HEADER_NAME,
	GUARD_HEADER_VALUE,
	GUARD_HEADER_LF,
	GUARD_HEAD_LF,
	GUARD_BODY,
	GUARD_CHUNK_SIZE,
	GUARD_CHUNK_SIZE_LF,
	GUARD_CHUNK_DATA,
	GUARD_CHUNK_CR,
	GUARD_CHUNK_LF,
	GUARD_LAST_CR,
	GUARD_LAST_LF,
};

struct http_guard {
	enum guard_state state;
	size_t seen;      /* bytes of this request so far */
	size_t line;      /* bytes of the present element so far */
	size_t remaining; /* body or chunk bytes to come */
	size_t body;      /* body bytes so far, chunks added up */
	unsigned headers;
	char method[8];     /* as far as it fits, zeros behind */
	char name[20];      /* lower case; enough for the headers that matter here */
	bool tabbed;        /* before the value */
	bool value_matters; /* what it is decides how long the request is, or how it goes on */
	char value[24];
	size_t value_n; /* may exceed the array: such a value is none of those that matter */
	size_t header_start;
	uint64_t content_length;
	bool http_1_0, has_length, has_chunked, has_host, has_connection, expects;
	bool continued;                  /* the client was told to go on */
	size_t expect_start, expect_end; /* where the Expect line stands, when expects */
	/* where scheme and authority of an absolute-form target stand; 0, 0: it has none */
	size_t origin_start, origin_end;
	enum err swallow; /* the refusal to give once the body was read */
};

enum guard_verdict {
	GUARD_MORE, /* all bytes taken; the request isn't complete */
	/* the request ends after *ret_taken bytes; http_guard_init before the next */
	GUARD_COMPLETE,
	GUARD_REFUSED, /* *ret_why says why; nothing more of this connection can be trusted */
};

void http_guard_init(struct http_guard *g);

/* *ret_taken: how many of the n bytes belong to this request. *ret_why: ERR_INVALID_REQUEST,
 * URI_TOO_LONG, HEADERS_TOO_LARGE, BODY_TOO_LARGE, EXPECTATION_FAILED or VERSION_NOT_SUPPORTED;
 * set only with GUARD_REFUSED. */
enum guard_verdict http_guard_feed(struct http_guard *g, const char *p, size_t n, size_t *ret_taken, enum err *ret_why);

/* The head is complete, the client waits for "100 Continue" before it sends the body, and the
 * body will be taken. */
bool http_guard_awaits_continue(const struct http_guard *g);
/* It was told so: for this request it waits no more. */
void http_guard_note_continued(struct http_guard *g);

#endif
