/* The phases of a worker, and which may follow which.
 *
 *   starting -> serving -> withdrawn -> draining -> leaving -> flushing -> gone
 *
 * It may skip phases, but never goes back. Pure: worker.c moves the worker, and asserts each
 * move. */
#ifndef M2M_WORKER_WORKER_PHASE_H
#define M2M_WORKER_WORKER_PHASE_H

#include <stdbool.h>

enum worker_phase {
	WORKER_STARTING,  /* nothing is accepted yet: the database may come first */
	WORKER_SERVING,   /* ready when the store is */
	WORKER_WITHDRAWN, /* serves on, but isn't ready: balancers go elsewhere */
	WORKER_DRAINING,  /* connections that the kernel has already made are accepted */
	WORKER_LEAVING,   /* listeners are closed; what is under way is finished */
	WORKER_FLUSHING,  /* everything is answered; the counts of refused attempts go last */
	WORKER_GONE,      /* the loop ends */
	WORKER_PHASES
};

bool worker_phase_may_become(enum worker_phase from, enum worker_phase to);

/* For assertions, tests and people. */
const char *worker_phase_name(enum worker_phase phase);

#endif
