/* The table of the allowed moves. */
#include "rest/rest_phase.h"

#define TO(phase) (1u << (phase))

static const struct {
	const char *name;
	unsigned next;
} phases[REST_PHASES] = {
	/* straight to closing: it is turned away, or there is no memory */
	[REST_ATTACHING] = {"attaching", TO(REST_GREETING) | TO(REST_RECEIVING) | TO(REST_CLOSING)},
	[REST_GREETING] = {"greeting", TO(REST_RECEIVING) | TO(REST_CLOSING)},
	[REST_RECEIVING] = {"receiving", TO(REST_WORKING) | TO(REST_CLOSING)},
	/* to closing: evhttp or the connection had no memory for the request */
	[REST_WORKING] = {"working", TO(REST_SENDING) | TO(REST_CLOSING)},
	[REST_SENDING] = {"sending", TO(REST_RECEIVING) | TO(REST_CLOSING)},
	[REST_CLOSING] = {"closing", TO(REST_GONE)},
	[REST_GONE] = {"gone", 0},
};

bool rest_phase_may_become(enum rest_phase from, enum rest_phase to)
{
	return (phases[from].next & TO(to)) != 0;
}

const char *rest_phase_name(enum rest_phase phase)
{
	return phases[phase].name;
}
