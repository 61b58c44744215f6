/* A connection whose token request was refused, since the queue was full, isn't read for a moment.
 * A client that asks again at once, and not after Retry-After, would otherwise have the worker
 * refuse all the time, instead of issuing. What it sends waits in its socket.
 *
 * A client that heeds Retry-After notices nothing. One that asks for something else meanwhile waits
 * for COOLING_US at most. */
#ifndef M2M_LOOP_COOLING_H
#define M2M_LOOP_COOLING_H

#include <event2/event.h>

#include "base/err.h"
#include "base/list.h"

#define COOLING_US INT64_C(75000)

/* In each connection; all zeros: it is read. */
struct cooled {
	struct list node;
	int64_t until_us;
};

/* Those of one listener on one worker. */
struct cooling {
	struct list all; /* in the order of time */
	struct event *look;
	/* Reads on one that cools no longer, and may end it or cool it again. */
	void (*read_on)(struct cooled *c);
	/* Whether there is room before their time; NULL: there isn't. */
	bool (*has_room)(void *arg);
	void *arg;
};

/* `has_room` and `arg` may be set later. ERR_NO_MEMORY. */
MUST_CHECK enum err cooling_init(struct cooling *set, struct event_base *base, void (*read_on)(struct cooled *c));
/* When all of its connections have ended. One that wasn't made, but is all zeros, is allowed. */
void cooling_free(struct cooling *set);

/* Its owner reads no more until read_on, as long as is_cooling. One that cools already goes on
 * doing so. Where memory is out, it doesn't cool. */
void cooling_begin(struct cooling *set, struct cooled *c);
/* Before the connection ends. */
void cooling_end(struct cooled *c);

static inline bool is_cooling(const struct cooled *c)
{
	return c->until_us != 0;
}

#endif
