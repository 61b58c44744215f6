#include "loop/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

#define EPISODE_US 10000000

static _Atomic uint64_t failures;
static _Atomic int64_t last_us;

static void on_error(struct evconnlistener *listener, void *arg)
{
	(void)arg;
	const char *why = strerrordesc_np(errno);
	int64_t now_us = clock_mono_us();
	evconnlistener_disable(listener);
	atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
	int64_t before_us = atomic_exchange_explicit(&last_us, now_us, memory_order_relaxed);
	if (before_us == 0 || now_us - before_us > EPISODE_US)
		log_message(LOG_WARN, "accept_paused", "no connection can be accepted now, new ones wait: %s",
			    why == NULL ? "unknown error" : why);
}

enum err accept_open(struct accept_set *set, struct event_base *base, evconnlistener_cb on_accept, void *arg, const int *fds, unsigned n)
{
	const unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED;
	for (set->n = 0; set->n < n; set->n++) {
		struct evconnlistener *listener = evconnlistener_new(base, on_accept, arg, flags, 0, fds[set->n]);
		if (listener == NULL)
			break;
		evconnlistener_set_error_cb(listener, on_error);
		set->at[set->n] = listener;
	}
	if (set->n == n)
		return ERR_OK;
	for (unsigned i = set->n; i < n; i++)
		close(fds[i]);
	accept_close(set);
	return ERR_NO_MEMORY;
}

void accept_enable(const struct accept_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		evconnlistener_enable(set->at[i]);
}

void accept_disable(const struct accept_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		evconnlistener_disable(set->at[i]);
}

void accept_close(struct accept_set *set)
{
	for (unsigned i = 0; i < set->n; i++)
		evconnlistener_free(set->at[i]);
	set->n = 0;
}

/* The kernel gives the lowest number that is free. */
bool accept_has_room(int descriptors_max)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0 && fd < descriptors_max;
}

uint64_t accept_failures(void)
{
	return atomic_load_explicit(&failures, memory_order_relaxed);
}
