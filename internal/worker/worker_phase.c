/* The table of the allowed moves. */
#include "worker/worker_phase.h"

#define TO(phase) (1u << (phase))

static const struct {
	const char *name;
	unsigned next;
} phases[WORKER_PHASES] = {
	/* to gone from anywhere: a second signal, or the time to drain is over */
	[WORKER_STARTING] = {"starting", TO(WORKER_SERVING) | TO(WORKER_GONE)},
	[WORKER_SERVING] = {"serving", TO(WORKER_WITHDRAWN) | TO(WORKER_DRAINING) | TO(WORKER_LEAVING) | TO(WORKER_GONE)},
	[WORKER_WITHDRAWN] = {"withdrawn", TO(WORKER_DRAINING) | TO(WORKER_LEAVING) | TO(WORKER_GONE)},
	[WORKER_DRAINING] = {"draining", TO(WORKER_LEAVING) | TO(WORKER_GONE)},
	[WORKER_LEAVING] = {"leaving", TO(WORKER_FLUSHING) | TO(WORKER_GONE)},
	[WORKER_FLUSHING] = {"flushing", TO(WORKER_GONE)},
	[WORKER_GONE] = {"gone", 0},
};

bool worker_phase_may_become(enum worker_phase from, enum worker_phase to)
{
	return (phases[from].next & TO(to)) != 0;
}

const char *worker_phase_name(enum worker_phase phase)
{
	return phases[phase].name;
}
