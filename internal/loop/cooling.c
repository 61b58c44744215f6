#include "loop/cooling.h"

#include "base/clock.h"

#define LOOK_MS 10

#define COOLED(node_) LIST_OWNER(node_, struct cooled, node)

/* False: memory is out, and nobody will look. */
static bool will_look(struct cooling *set)
{
	const struct timeval soon = {0, LOOK_MS * 1000};
	return evtimer_pending(set->look, NULL) || evtimer_add(set->look, &soon) == 0;
}

void cooling_begin(struct cooling *set, struct cooled *c)
{
	if (is_cooling(c) || !will_look(set))
		return;
	c->until_us = clock_mono_us() + COOLING_US;
	list_append(&set->all, &c->node);
}

void cooling_end(struct cooled *c)
{
	if (!is_cooling(c))
		return;
	c->until_us = 0;
	list_remove(&c->node);
}

static bool is_over(const struct cooling *set, const struct cooled *c, int64_t now_us)
{
	/* those that are refused again in this turn aren't looked at in it */
	bool of_before = c->until_us < now_us + COOLING_US;
	return c->until_us <= now_us || (of_before && set->has_room != NULL && set->has_room(set->arg));
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct cooling *set = arg;
	int64_t now_us = clock_mono_us();
	while (!list_empty(&set->all) && (is_over(set, COOLED(set->all.next), now_us) || !will_look(set))) {
		struct cooled *c = COOLED(set->all.next);
		cooling_end(c);
		set->read_on(c);
	}
}

enum err cooling_init(struct cooling *set, struct event_base *base, void (*read_on)(struct cooled *c))
{
	*set = (struct cooling){.read_on = read_on, .look = evtimer_new(base, on_look, set)};
	list_init(&set->all);
	return set->look == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void cooling_free(struct cooling *set)
{
	if (set->look != NULL)
		event_free(set->look);
	set->look = NULL;
}
