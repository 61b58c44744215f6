#include "grpc/grpc_doorstep.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proxy_header.h"

struct waiting {
	struct list node;
	struct grpc_doorstep *doorstep;
	int fd; /* -1: it has entered */
	struct event *readable, *late;
	struct remote proxy;
	struct proxy_header header;
};

/* CONN_END_NONE: it enters. */
static void leave(struct waiting *w, enum conn_end why)
{
	if (why != CONN_END_NONE)
		conn_ends_note(w->doorstep->ends, why);
	list_remove(&w->node);
	w->doorstep->count--;
	if (w->readable != NULL)
		event_free(w->readable);
	if (w->late != NULL)
		event_free(w->late);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

static void enter(struct waiting *w)
{
	struct grpc_doorstep *d = w->doorstep;
	struct ip source = proxy_header_source(&w->header, &w->proxy.ip);
	int fd = w->fd;
	w->fd = -1;
	leave(w, CONN_END_NONE);
	d->enter(d->arg, fd, &source);
}

static void on_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	leave(arg, CONN_END_GREETING_TIMEOUT);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct waiting *w = arg;
	uint8_t bytes[256];
	for (size_t wanted; (wanted = proxy_header_wants(&w->header)) > 0;) {
		ssize_t n = recv(fd, bytes, wanted < sizeof bytes ? wanted : sizeof bytes, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			leave(w, n == 0 ? CONN_END_CLIENT_CLOSED : CONN_END_LOST);
			return;
		}
		if (!proxy_header_feed(&w->header, bytes, (size_t)n)) {
			log_message(LOG_INFO, "connection_refused", "%s sends no PROXY header of version 2", w->proxy.text);
			leave(w, CONN_END_NO_PROXY_HEADER);
			return;
		}
	}
	enter(w);
}

void grpc_doorstep_wait(struct grpc_doorstep *d, int fd, const struct remote *proxy)
{
	const struct timeval limit = {d->receive_timeout_ms / 1000, (d->receive_timeout_ms % 1000) * 1000};
	struct waiting *w = d->count < d->max ? calloc(1, sizeof *w) : NULL;
	if (w == NULL) {
		conn_ends_note(d->ends, d->count < d->max ? CONN_END_NO_MEMORY : CONN_END_TOO_MANY);
		close(fd);
		return;
	}
	w->doorstep = d;
	w->fd = fd;
	w->proxy = *proxy;
	proxy_header_init(&w->header);
	list_append(&d->waiting, &w->node);
	d->count++;
	w->readable = event_new(d->base, fd, EV_READ | EV_PERSIST, on_readable, w);
	w->late = event_new(d->base, -1, 0, on_late, w);
	if (w->readable == NULL || w->late == NULL || event_add(w->readable, NULL) != 0 || event_add(w->late, &limit) != 0)
		leave(w, CONN_END_NO_MEMORY);
}

void grpc_doorstep_clear(struct grpc_doorstep *d)
{
	for (struct list *it = d->waiting.next, *next; it != &d->waiting; it = next) {
		next = it->next;
		leave(LIST_OWNER(it, struct waiting, node), CONN_END_DRAINED);
	}
}
