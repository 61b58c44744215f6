/* What a listener does when the kernel gives it no connection: out of descriptors, or of memory.
 *
 * What waits keeps the listening socket readable, so going on at once would only spin. The listener
 * pauses, and its owner enables it again from a timer: connections wait in the backlog
 * meanwhile. */
#ifndef M2M_LOOP_ACCEPT_H
#define M2M_LOOP_ACCEPT_H

#include <event2/listener.h>
#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* A listener for each of a server's sockets. */
struct accept_set {
	struct evconnlistener *at[CONFIG_LISTEN_MAX];
	unsigned n;
};

/* On bound, listening, non-blocking sockets, which are taken over, also on failure; disabled. A
 * failed accept disables its listener. The log gets one line for all failures that follow each
 * other within ten seconds, whichever listeners have them. `on_accept` may be NULL, for who sets
 * it later. ERR_NO_MEMORY. */
MUST_CHECK enum err accept_open(struct accept_set *set, struct event_base *base, evconnlistener_cb on_accept, void *arg, const int *fds,
				unsigned n);
void accept_enable(const struct accept_set *set);
void accept_disable(const struct accept_set *set);
/* Closes the sockets. An empty one is allowed. */
void accept_close(struct accept_set *set);

/* Whether the next descriptor of this process would be below `descriptors_max`. */
bool accept_has_room(int descriptors_max);

/* How often an accept has failed, in this process. From any thread. */
uint64_t accept_failures(void);

#endif
