/* Which worker a gRPC connection is served by. It lives long and carries many calls at once, and a
 * client has few of them: the kernel's hash over the listeners' sockets would often give all four
 * to one worker. So each goes to the worker that has the fewest. */
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

#include "worker/worker_parts.h"

static struct worker *least_loaded(struct worker *w)
{
	struct worker *to = w;
	for (unsigned i = 0; i < w->all_count; i++) {
		struct worker *other = w->all[i];
		if (atomic_load_explicit(&other->ready, memory_order_relaxed) && grpc_server_load(other->grpc) < grpc_server_load(to->grpc))
			to = other;
	}
	return to;
}

static bool place(void *arg, int fd)
{
	struct worker *w = arg, *to = least_loaded(w);
	if (to == w)
		return false;
	grpc_server_announce(to->grpc, true);
	if (write(to->handed[1], &fd, sizeof fd) == sizeof fd)
		return true;
	grpc_server_announce(to->grpc, false);
	return false;
}

static void on_handed(evutil_socket_t from, short what, void *arg)
{
	(void)what;
	struct worker *w = arg;
	int fd;
	if (read(from, &fd, sizeof fd) == sizeof fd)
		grpc_server_take(w->grpc, fd);
}

bool worker_open_placing(struct worker *w)
{
	if (pipe2(w->handed, O_NONBLOCK | O_CLOEXEC) != 0) {
		w->handed[0] = w->handed[1] = -1;
		return false;
	}
	w->handed_event = event_new(w->base, w->handed[0], EV_READ | EV_PERSIST, on_handed, w);
	grpc_server_place_by(w->grpc, place, w);
	return w->handed_event != NULL && event_add(w->handed_event, NULL) == 0;
}

void worker_close_placing(struct worker *w)
{
	int fd;
	if (w->handed_event == NULL)
		return;
	event_free(w->handed_event);
	while (read(w->handed[0], &fd, sizeof fd) == sizeof fd)
		close(fd);
	close(w->handed[0]);
	close(w->handed[1]);
}
