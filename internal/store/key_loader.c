#include "store/key_loader.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"

struct key_loader {
	struct event *built;
	int fd; /* readable: it is built */
	pthread_t thread;
	bool busy, threaded;
	/* the thread's, from the beginning to the join */
	struct key_load load;
	enum err err;
	struct keyset *set;
	struct keyset_fault fault;
	/* the loop's */
	keys_loaded *done;
	void *arg;
};

static void *build(void *arg)
{
	struct key_loader *l = arg;
	const struct key_load *load = &l->load;
	l->err = keyset_build(load->ring, load->way, load->rows, load->n, load->generation, &l->set, &l->fault);
	(void)!eventfd_write(l->fd, 1); /* it takes one increment always */
	return NULL;
}

/* The loop's again. */
static void join(struct key_loader *l)
{
	if (l->threaded)
		pthread_join(l->thread, NULL);
	l->busy = l->threaded = false;
}

static void on_built(evutil_socket_t fd, short what, void *arg)
{
	struct key_loader *l = arg;
	eventfd_t count;
	(void)what;
	if (eventfd_read(fd, &count) != 0 || !l->busy)
		return;
	join(l);
	struct keyset *set = l->set;
	l->set = NULL;
	l->done(l->arg, l->err, set, &l->fault);
}

struct key_loader *key_loader_new(struct event_base *base)
{
	struct key_loader *l = calloc(1, sizeof *l);
	if (l == NULL)
		return NULL;
	l->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	l->built = l->fd < 0 ? NULL : event_new(base, l->fd, EV_READ | EV_PERSIST, on_built, l);
	if (l->built == NULL || event_add(l->built, NULL) != 0) {
		key_loader_free(l);
		return NULL;
	}
	return l;
}

void key_loader_free(struct key_loader *l)
{
	if (l == NULL)
		return;
	join(l);
	keyset_free(l->set);
	if (l->built != NULL)
		event_free(l->built);
	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

void key_loader_begin(struct key_loader *l, const struct key_load *load, keys_loaded *done, void *arg)
{
	assert(!l->busy && l->set == NULL);
	l->load = *load;
	l->done = done;
	l->arg = arg;
	l->busy = true;
	int error = pthread_create(&l->thread, NULL, build, l);
	l->threaded = error == 0;
	if (l->threaded)
		return;
	log_message(LOG_WARN, "threads_scarce",
		    "a thread can't be started: %s; see RLIMIT_NPROC (ulimit -u) and pids.max of the control group;"
		    " a worker stands still meanwhile, to load the signing keys itself",
		    strerror(error));
	build(l);
}
