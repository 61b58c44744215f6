/* getaddrinfo with AI_NUMERICHOST: addresses are numeric, so nothing is looked up. */
#include "worker/listen.h"

#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static enum err bind_socket(const struct config_listen *listen, bool shared, int *ret_fd)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *address = NULL;
	char port[8];
	snprintf(port, sizeof port, "%u", listen->port);
	if (getaddrinfo(listen->host, port, &hints, &address) != 0) {
		errno = EADDRNOTAVAIL;
		return ERR_IO;
	}
	int one = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
		     (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0) &&
		     bind(fd, address->ai_addr, address->ai_addrlen) == 0;
	int saved = errno;
	freeaddrinfo(address);
	if (!bound) {
		if (fd >= 0)
			close(fd);
		errno = saved;
		return ERR_IO;
	}
	*ret_fd = fd;
	return ERR_OK;
}

static void say(struct sbuf *why, const struct config_listen *listen, const char *setting)
{
	const char *reason = errno == EADDRINUSE ? "the port is in use by another process" : strerror(errno);
	sbuf_printf(why, "%s: can't listen on %s port %u: %s", setting, listen->host, listen->port, reason);
}

enum err listen_claim(struct config_listen *at, const char *setting, struct sbuf *why)
{
	int fd = -1;
	/* a bound socket that doesn't listen yet isn't noticed by bind with SO_REUSEADDR, so listen too */
	if (bind_socket(at, false, &fd) != ERR_OK || listen(fd, 1) != 0) {
		say(why, at, setting);
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} bound = {.six = {0}};
	socklen_t n = sizeof bound;
	if (at->port == 0 && getsockname(fd, &bound.any, &n) == 0)
		at->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.six.sin6_port : bound.four.sin_port);
	close(fd);
	return ERR_OK;
}

enum err listen_open(const struct config_listen *at, bool shared, int *ret_fd, struct sbuf *why)
{
	int fd = -1;
	if (bind_socket(at, shared, &fd) != ERR_OK || listen(fd, SOMAXCONN) != 0) {
		say(why, at, "listen");
		if (fd >= 0)
			close(fd);
		return ERR_IO;
	}
	*ret_fd = fd;
	return ERR_OK;
}

bool listen_refuse_new(int fd)
{
	/* of a segment whose byte 13 (RFC 9293 section 3.1) has SYN without ACK nothing is kept */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, TH_SYN | TH_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TH_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};
	const struct sock_fprog program = {sizeof code / sizeof *code, code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}
