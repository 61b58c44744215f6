/* What a listener does when the kernel gives it no connection: out of descriptors, or of memory.
 *
 * What waits keeps the listening socket readable, so going on at once would only spin. The listener
 * pauses, and its owner enables it again from a timer: connections wait in the backlog meanwhile. */
#ifndef M2M_LOOP_ACCEPT_H
#define M2M_LOOP_ACCEPT_H

#include <event2/listener.h>
#include <stdbool.h>
#include <stdint.h>

/* From now on a failed accept disables the listener. The log gets one line for all failures that
 * follow each other within ten seconds, whichever listeners have them. */
void accept_watch(struct evconnlistener *listener);

/* Whether the next descriptor of this process would be below `descriptors_max`. */
bool accept_has_room(int descriptors_max);

/* How often an accept has failed, in this process. From any thread. */
uint64_t accept_failures(void);

#endif
