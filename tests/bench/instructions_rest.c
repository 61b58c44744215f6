#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/instructions_callers.h"

struct kept {
	int fd;
	bool waiting;
	size_t n;
	char answer[4096];
};

struct callers {
	struct kept kept[CALLERS];
	char request[1024];
	size_t request_n;
};

int callers_connect(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	return fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
			       connect(fd, (struct sockaddr *)&at, sizeof at) == 0
		       ? fd
		       : -1;
}

static struct callers *open_kept(uint16_t port, const char *client_id, const char *secret, struct str admin)
{
	(void)admin;
	static struct callers c;
	char body[256];
	int body_n = snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", client_id, secret);
	int n = snprintf(c.request, sizeof c.request,
			 "POST /oauth2/token HTTP/1.1\r\nHost: gateway.example:8080\r\nUser-Agent: instructions/1.0\r\nAccept: */*\r\n"
			 "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
			 body_n, body);
	c.request_n = (size_t)n;
	for (unsigned i = 0; i < CALLERS; i++) {
		c.kept[i].fd = callers_connect(port);
		if (c.kept[i].fd < 0)
			return NULL;
	}
	return &c;
}

/* True when a whole answer is there. */
static bool complete(const struct kept *k)
{
	const char *body = strstr(k->answer, "\r\n\r\n"), *length = strstr(k->answer, "Content-Length: ");
	if (body == NULL || length == NULL || length > body)
		return false;
	return (size_t)(body + 4 - k->answer) + strtoul(length + sizeof "Content-Length: " - 1, NULL, 10) <= k->n;
}

static struct str token_in(const char *answer)
{
	static const char before[] = "\"access_token\":\"";
	const char *token = strstr(answer, before);
	return token == NULL ? (struct str){0} : str_from(token + sizeof before - 1, strcspn(token + sizeof before - 1, "\""));
}

/* False when the connection is over. */
static bool take(struct kept *k)
{
	ssize_t n = recv(k->fd, k->answer + k->n, sizeof k->answer - 1 - k->n, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN))
		return false;
	if (n > 0)
		k->n += (size_t)n;
	k->answer[k->n] = '\0';
	return true;
}

static bool turn(struct callers *c, unsigned n, unsigned *answered, struct str *first_token, const char **ret_why)
{
	for (unsigned i = 0; i < n; i++) {
		struct kept *k = &c->kept[i];
		*ret_why = "a connection was closed";
		if (k->waiting && !take(k))
			return false;
		if (k->waiting && !complete(k))
			continue;
		*ret_why = k->answer;
		if (k->waiting && strncmp(k->answer, "HTTP/1.1 200 ", 13) != 0)
			return false;
		if (k->waiting && (*answered)++ == 0)
			*first_token = token_in(k->answer);
		*ret_why = "a request can't be sent";
		if (send(k->fd, c->request, c->request_n, MSG_NOSIGNAL) != (ssize_t)c->request_n)
			return false;
		k->waiting = true;
		k->n = 0;
	}
	return true;
}

const struct callers_kind callers_rest = {open_kept, turn};
