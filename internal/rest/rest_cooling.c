/* A connection whose token request was refused, since the queue was full, isn't read for a moment.
 * A client that asks again at once, and not after Retry-After, would otherwise have the worker
 * refuse all the time, instead of issuing. What it sends waits in its socket.
 *
 * A client that heeds Retry-After notices nothing. One that asks for something else meanwhile waits
 * for COOLING_US at most. */
#include "base/clock.h"
#include "rest/rest_conn_parts.h"

#define COOLING_US INT64_C(75000)
#define LOOK_MS    10

#define COOLING(node_) LIST_OWNER(node_, struct rest_conn, cooling)

static void look_again(struct rest_conns *set)
{
	const struct timeval soon = {0, LOOK_MS * 1000};
	if (!list_empty(&set->cooling) && !evtimer_pending(set->warm, NULL))
		evtimer_add(set->warm, &soon);
}

void rest_conn_cool(struct rest_conn *c)
{
	if (c->cool_until_us != 0)
		list_remove(&c->cooling);
	c->cool_until_us = clock_mono_us() + COOLING_US;
	list_append(&c->set->cooling, &c->cooling);
	look_again(c->set);
}

static bool is_warm(const struct rest_conns *set, const struct rest_conn *c, int64_t now_us)
{
	/* those that are refused again in this turn aren't looked at in it */
	bool of_before = c->cool_until_us < now_us + COOLING_US;
	return c->cool_until_us <= now_us || (of_before && set->has_room != NULL && set->has_room(set->take_arg));
}

void rest_conns_warm(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct rest_conns *set = arg;
	int64_t now_us = clock_mono_us();
	while (!list_empty(&set->cooling) && is_warm(set, COOLING(set->cooling.next), now_us)) {
		struct rest_conn *c = COOLING(set->cooling.next);
		rest_conn_warm(c);
		rest_exchange_again(c->stream.fd, EV_READ, c);
	}
	look_again(set);
}
