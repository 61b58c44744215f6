#include "harness/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/base64.h"

#define REQUEST_MAX (128 * 1024)

static bool bind_to(int fd, const char *from)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	if (from == NULL)
		return true;
	return inet_pton(AF_INET, from, &address.sin_addr) == 1 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
}

bool http_open(struct http_conn *c, uint16_t port)
{
	return http_open_from(c, NULL, port);
}

bool http_open_from(struct http_conn *c, const char *from, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	c->n = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	int on = 1;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	struct timeval limit = {.tv_sec = HTTP_TIMEOUT_MS / 1000};
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (bind_to(c->fd, from) && connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0)
		return true;
	http_close(c);
	return false;
}

bool http_open_local(struct http_conn *c, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	c->n = 0;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0)
		return true;
	http_close(c);
	return false;
}

void http_close(struct http_conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

bool socket_send(int fd, const void *bytes, size_t n)
{
	for (size_t sent = 0; sent < n;) {
		ssize_t r = send(fd, (const char *)bytes + sent, n - sent, MSG_NOSIGNAL);
		if (r <= 0)
			return false;
		sent += (size_t)r;
	}
	return true;
}

bool http_send(struct http_conn *c, const void *bytes, size_t n)
{
	return socket_send(c->fd, bytes, n);
}

bool http_send_text(struct http_conn *c, const char *text)
{
	return http_send(c, text, strlen(text));
}

enum more { MORE_GOT, MORE_CLOSED, MORE_TIMEOUT, MORE_FULL };

static enum more read_more(struct http_conn *c, int64_t deadline)
{
	struct pollfd p = {.fd = c->fd, .events = POLLIN};
	int64_t left = (deadline - clock_mono_us()) / 1000;
	if (c->fd < 0)
		return MORE_CLOSED;
	if (c->n == sizeof c->in)
		return MORE_FULL;
	if (left <= 0 || poll(&p, 1, (int)left) <= 0)
		return MORE_TIMEOUT;
	ssize_t r = recv(c->fd, c->in + c->n, sizeof c->in - c->n, 0);
	if (r <= 0)
		return MORE_CLOSED;
	c->n += (size_t)r;
	return MORE_GOT;
}

static void consume(struct http_conn *c, size_t n)
{
	memmove(c->in, c->in + n, c->n - n);
	c->n -= n;
}

/* Waits until at least `n` bytes are there. */
static bool have(struct http_conn *c, size_t n, int64_t deadline)
{
	while (c->n < n) {
		if (n > sizeof c->in || read_more(c, deadline) != MORE_GOT)
			return false;
	}
	return true;
}

/* The offset behind the first `mark`, reading more until it is there; 0 if it never comes. */
static size_t until(struct http_conn *c, const char *mark, int64_t deadline, bool *closed)
{
	size_t n = strlen(mark);
	for (;;) {
		const char *at = memmem(c->in, c->n, mark, n);
		if (at != NULL)
			return (size_t)(at - c->in) + n;
		enum more more = read_more(c, deadline);
		*closed = more == MORE_CLOSED;
		if (more != MORE_GOT)
			return 0;
	}
}

static bool take_body(struct http_conn *c, struct http_reply *r, size_t n, int64_t deadline)
{
	if (r->body_n + n >= sizeof r->body || !have(c, n, deadline))
		return false;
	memcpy(r->body + r->body_n, c->in, n);
	r->body_n += n;
	consume(c, n);
	return true;
}

static bool read_chunks(struct http_conn *c, struct http_reply *r, int64_t deadline)
{
	for (;;) {
		size_t line = until(c, "\r\n", deadline, &r->closed);
		if (line == 0)
			return false;
		unsigned long size = strtoul(c->in, NULL, 16);
		consume(c, line);
		if (!take_body(c, r, size, deadline) || !have(c, 2, deadline))
			return false;
		consume(c, 2);
		if (size == 0)
			return true;
	}
}

static bool read_to_close(struct http_conn *c, struct http_reply *r, int64_t deadline)
{
	enum more more;
	while ((more = read_more(c, deadline)) == MORE_GOT)
		;
	return more == MORE_CLOSED && take_body(c, r, c->n, deadline);
}

static bool read_body(struct http_conn *c, struct http_reply *r, int64_t deadline)
{
	char value[64];
	if (strcasecmp(http_header(r, "Transfer-Encoding", value, sizeof value), "chunked") == 0)
		return read_chunks(c, r, deadline);
	if (*http_header(r, "Content-Length", value, sizeof value) != '\0')
		return take_body(c, r, strtoul(value, NULL, 10), deadline);
	return read_to_close(c, r, deadline);
}

int http_read(struct http_conn *c, struct http_reply *ret, int timeout_ms, bool to_head)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	ret->status = 0;
	ret->body_n = 0;
	ret->closed = false;
	ret->head[0] = ret->body[0] = '\0';
	size_t head = until(c, "\r\n\r\n", deadline, &ret->closed);
	if (head == 0 || head >= sizeof ret->head)
		return 0;
	memcpy(ret->head, c->in, head);
	ret->head[head] = '\0';
	consume(c, head);
	int status = 0;
	if (sscanf(ret->head, "HTTP/1.%*1[01] %3d", &status) != 1)
		return 0;
	bool bodiless = to_head || status < 200 || status == 204 || status == 304;
	if (!bodiless && !read_body(c, ret, deadline))
		return 0;
	ret->body[ret->body_n] = '\0';
	return ret->status = status;
}

bool http_wait_closed(struct http_conn *c, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	for (;;) {
		c->n = 0;
		enum more more = read_more(c, deadline);
		if (more != MORE_GOT)
			return more == MORE_CLOSED;
	}
}

int http_call_on(struct http_conn *c, const struct http_request *q, struct http_reply *ret)
{
	const char *method = q->method != NULL ? q->method : q->body != NULL ? "POST" : "GET";
	char *text = malloc(REQUEST_MAX);
	FILE *out = fmemopen(text, REQUEST_MAX, "w");
	fprintf(out, "%s %s HTTP/1.1\r\nHost: gateway.test\r\n", method, q->path);
	if (q->bearer != NULL)
		fprintf(out, "Authorization: Bearer %s\r\n", q->bearer);
	if (q->basic != NULL) {
		char encoded[1024];
		fprintf(out, "Authorization: Basic %s\r\n", base64_text(encoded, sizeof encoded, q->basic, strlen(q->basic)));
	}
	if (q->type != NULL)
		fprintf(out, "Content-Type: %s\r\n", q->type);
	if (q->headers != NULL)
		fputs(q->headers, out);
	if (q->body != NULL)
		fprintf(out, "Content-Length: %zu\r\n\r\n%s", strlen(q->body), q->body);
	else
		fputs("\r\n", out);
	size_t n = (size_t)ftell(out);
	fclose(out);
	bool sent = http_send(c, text, n);
	free(text);
	ret->status = 0;
	return sent ? http_read(c, ret, HTTP_TIMEOUT_MS, strcmp(method, "HEAD") == 0) : 0;
}

int http_call(uint16_t port, const struct http_request *q, struct http_reply *ret)
{
	struct http_conn c;
	ret->status = 0;
	ret->head[0] = ret->body[0] = '\0';
	if (!http_open(&c, port))
		return 0;
	int status = http_call_on(&c, q, ret);
	http_close(&c);
	return status;
}

const char *http_header(const struct http_reply *r, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name);
	out[0] = '\0';
	for (const char *line = strstr(r->head, "\r\n"); line != NULL && line[2] != '\0'; line = strstr(line + 2, "\r\n")) {
		if (strncasecmp(line + 2, name, n) != 0 || line[2 + n] != ':')
			continue;
		const char *value = line + 2 + n + 1;
		value += strspn(value, " \t");
		snprintf(out, cap, "%.*s", (int)strcspn(value, "\r\n"), value);
		break;
	}
	return out;
}
