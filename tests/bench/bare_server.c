/* The least that an answer can cost: each read is taken for a request, and the same 503 is
 * written for it, whatever was asked. What tests/bench/run --overload holds the gateway's
 * refusals against.
 *
 *   bare_server PORT_FILE
 *
 * Listens on a free port of 127.0.0.1, which it writes into the file, until a signal ends it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* As many bytes as the gateway's. */
static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: "
			     "no-store\r\nPragma: no-cache\r\n"
			     "X-Content-Type-Options: nosniff\r\nContent-Type: application/json\r\nX-Request-Id: "
			     "00000000-0000-7000-8000-000000000000\r\nContent-Length: 137\r\n\r\n"
			     "{\"error\":\"temporarily_unavailable\",\"error_description\":\"The service has more work queued than it can "
			     "do in time; try again in a moment.\"}";

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	perror(what);
	exit(1);
}

static int listen_somewhere(const char *port_file)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(fd, "socket");
	must(bind(fd, (struct sockaddr *)&a, n), "bind");
	must(listen(fd, 4096), "listen");
	must(getsockname(fd, (struct sockaddr *)&a, &n), "getsockname");
	FILE *f = fopen(port_file, "w");
	must(f == NULL ? -1 : fprintf(f, "%d\n", ntohs(a.sin_port)), port_file);
	must(fclose(f), port_file);
	return fd;
}

static void watch(int epoll, int fd)
{
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.fd = fd}), "epoll_ctl");
}

static void serve(int fd)
{
	char request[16384];
	ssize_t n = recv(fd, request, sizeof request, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 || send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	int listener = listen_somewhere(argv[1]), epoll = epoll_create1(0);
	must(epoll, "epoll_create1");
	watch(epoll, listener);
	for (;;) {
		struct epoll_event ready[64];
		int n = epoll_wait(epoll, ready, 64, -1);
		for (int i = 0; i < n; i++) {
			if (ready[i].data.fd != listener) {
				serve(ready[i].data.fd);
				continue;
			}
			int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
			if (fd >= 0)
				watch(epoll, fd);
		}
	}
}
