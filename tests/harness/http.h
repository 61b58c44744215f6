/* A small blocking HTTP/1.1 client over raw sockets, every step of it bounded in time. It never
 * fails a test itself: a status of 0 says that no complete answer came, so that threads may use
 * it too. */
#ifndef M2M_TESTS_HARNESS_HTTP_H
#define M2M_TESTS_HARNESS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_TIMEOUT_MS 15000
#define HTTP_HEAD_MAX   8192
#define HTTP_BODY_MAX   (320 * 1024)

struct http_conn {
	int fd; /* -1: closed */
	size_t n;
	char in[HTTP_HEAD_MAX + HTTP_BODY_MAX]; /* read and not yet given away */
};

struct http_request {
	const char *method;  /* NULL: POST with a body, GET without */
	const char *path;    /* the request target */
	const char *bearer;  /* NULL: none */
	const char *basic;   /* "id:secret", sent as Authorization: Basic; NULL: none */
	const char *type;    /* Content-Type; NULL: none */
	const char *body;    /* NULL: none, and no Content-Length */
	const char *headers; /* more lines, each with its CRLF; NULL: none */
};

struct http_reply {
	int status;  /* 0: no complete answer */
	bool closed; /* the peer closed before an answer was complete */
	size_t body_n;
	char head[HTTP_HEAD_MAX]; /* status line and header lines, NUL-terminated */
	char body[HTTP_BODY_MAX]; /* NUL-terminated */
};

bool http_open(struct http_conn *c, uint16_t port);
/* The same, seen to come from `address`, one of 127.0.0.0/8. */
bool http_open_from(struct http_conn *c, const char *address, uint16_t port);
/* Over a unix socket. */
bool http_open_local(struct http_conn *c, const char *path);
void http_close(struct http_conn *c);
/* All of it, or false: the peer is gone. */
bool socket_send(int fd, const void *bytes, size_t n);
bool http_send(struct http_conn *c, const void *bytes, size_t n);
bool http_send_text(struct http_conn *c, const char *text);

/* Reads one answer; what follows it stays in the connection. `to_head`: it answers a HEAD
 * request and so has no body. */
int http_read(struct http_conn *c, struct http_reply *ret, int timeout_ms, bool to_head);

/* True when the peer closes within the time, whatever it sends before. */
bool http_wait_closed(struct http_conn *c, int timeout_ms);

/* Sends and reads on an open connection. Returns the status. */
int http_call_on(struct http_conn *c, const struct http_request *q, struct http_reply *ret);
/* The same on a connection of its own. */
int http_call(uint16_t port, const struct http_request *q, struct http_reply *ret);

/* A header's value with its case, "" if absent, in `out`. Names are compared without case.
 * Returns `out`. */
const char *http_header(const struct http_reply *r, const char *name, char *out, size_t cap);

#endif
