/* getaddrinfo with AI_NUMERICHOST: addresses are numeric, so nothing is looked up. */
#include "worker/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/ip.h"

#define LOCAL_MODE 0660

static int bind_tcp(const struct config_listen *at, bool shared)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *address = NULL;
	char port[8];
	snprintf(port, sizeof port, "%u", at->port);
	if (getaddrinfo(at->host, port, &hints, &address) != 0) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	int one = 1, only_ipv6 = at->only_ipv6;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
		     (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0) &&
		     /* whatever net.ipv6.bindv6only says */
		     (address->ai_family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6) == 0) &&
		     bind(fd, address->ai_addr, address->ai_addrlen) == 0;
	int saved = errno;
	freeaddrinfo(address);
	if (!bound && fd >= 0)
		close(fd);
	errno = saved;
	return bound ? fd : -1;
}

static void say(struct sbuf *why, const struct config_listen *at, const char *setting)
{
	const char *reason = errno != EADDRINUSE ? strerror(errno)
			     : at->local         ? "another process listens there"
						 : "the port is in use by another process";
	if (at->local)
		sbuf_printf(why, "%s: can't listen on unix:%s: %s", setting, at->host, reason);
	else
		sbuf_printf(why, "%s: can't listen on %s port %u: %s", setting, at->host, at->port, reason);
}

static enum err claim_tcp(struct config_listen *at, int *ret_held)
{
	/* a bound socket that doesn't listen yet isn't noticed by bind with SO_REUSEADDR, so
	 * listen too */
	int fd = bind_tcp(at, false);
	if (fd < 0 || listen(fd, 1) != 0) {
		int saved = errno;
		if (fd >= 0)
			close(fd);
		errno = saved;
		return ERR_IO;
	}
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} bound = {.six = {0}};
	socklen_t n = sizeof bound;
	if (at->port == 0 && getsockname(fd, &bound.any, &n) == 0) {
		at->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.six.sin6_port : bound.four.sin_port);
		*ret_held = fd;
	} else {
		close(fd);
	}
	return ERR_OK;
}

/* ---- unix sockets ---- */

static int new_local(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* A name whose process has ended refuses who connects. Anything else that has this name stays. */
static bool is_left_behind(const struct sockaddr_un *name)
{
	struct stat st;
	if (lstat(name->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = new_local();
	bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)name, sizeof *name) != 0 && errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return refused;
}

static bool bind_local(int fd, const struct sockaddr_un *name)
{
	return bind(fd, (const struct sockaddr *)name, sizeof *name) == 0;
}

static enum err claim_local(const struct config_listen *at, int *ret_fd)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	memcpy(name.sun_path, at->host, strlen(at->host) + 1);
	int fd = new_local();
	if (fd < 0)
		return ERR_IO;
	bool bound = bind_local(fd, &name);
	if (!bound && errno == EADDRINUSE) {
		if (is_left_behind(&name) && unlink(name.sun_path) == 0)
			bound = bind_local(fd, &name);
		else
			errno = EADDRINUSE;
	}
	if (bound && chmod(name.sun_path, LOCAL_MODE) == 0 && listen(fd, SOMAXCONN) == 0) {
		*ret_fd = fd;
		return ERR_OK;
	}
	int saved = errno;
	if (bound)
		unlink(name.sun_path);
	close(fd);
	errno = saved;
	return ERR_IO;
}

enum err listen_claim(struct config_listener *listener, const char *setting, struct listen_claim *ret, struct sbuf *why)
{
	for (ret->n = 0; ret->n < listener->n; ret->n++) {
		struct config_listen *at = &listener->at[ret->n];
		int *fd = &ret->fds[ret->n];
		*fd = ret->held[ret->n] = -1;
		if ((at->local ? claim_local(at, fd) : claim_tcp(at, &ret->held[ret->n])) != ERR_OK) {
			say(why, at, setting);
			return ERR_IO;
		}
	}
	return ERR_OK;
}

static void let_go(struct listen_claim *claim, unsigned i)
{
	if (claim->held[i] >= 0)
		close(claim->held[i]);
	claim->held[i] = -1;
}

void listen_withdraw(const struct config_listener *listener, struct listen_claim *claim)
{
	for (unsigned i = 0; i < claim->n; i++) {
		let_go(claim, i);
		if (claim->fds[i] < 0)
			continue;
		unlink(listener->at[i].host);
		close(claim->fds[i]);
	}
	claim->n = 0;
}

/* ---- a worker's ---- */

static enum err open_one(const struct config_listen *at, int claimed, bool shared, int *ret_fd)
{
	int fd = at->local ? fcntl(claimed, F_DUPFD_CLOEXEC, 0) : bind_tcp(at, shared);
	if (fd >= 0 && (at->local || listen(fd, SOMAXCONN) == 0)) {
		*ret_fd = fd;
		return ERR_OK;
	}
	int saved = errno;
	if (fd >= 0)
		close(fd);
	errno = saved;
	return ERR_IO;
}

enum err listen_open(const struct config_listener *listener, struct listen_claim *claim, bool shared, struct listen_set *ret,
		     struct sbuf *why)
{
	for (ret->n = 0; ret->n < listener->n; ret->n++) {
		const struct config_listen *at = &listener->at[ret->n];
		let_go(claim, ret->n);
		if (open_one(at, claim->fds[ret->n], shared, &ret->fds[ret->n]) != ERR_OK) {
			say(why, at, "listen");
			listen_close(ret);
			return ERR_IO;
		}
	}
	return ERR_OK;
}

void listen_close(struct listen_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		close(set->fds[i]);
	set->n = 0;
}

static bool refuse_new(int fd)
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
	return socket_is_local(fd) /* its name is gone */ || setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool listen_refuse_new(const struct listen_set *set)
{
	bool all = true;
	for (unsigned i = 0; i < set->n; i++)
		all = refuse_new(set->fds[i]) && all;
	return all;
}
