/* grpc.health.v1.Health: whether this server can answer now. Check says it once, Watch says it
 * and then every change.
 *
 * The services known are "" (the server as a whole) and m2m.v1.M2MClients; both follow the same
 * readiness that /readyz tells. */
#ifndef M2M_GRPC_GRPC_HEALTH_H
#define M2M_GRPC_GRPC_HEALTH_H

#include "grpc/grpc_call.h"

struct grpc_health {
	bool serving;
	bool ended;           /* no Watch is taken any more */
	struct list watchers; /* of calls, by grpc_call_node */
	/* calls that watch a service which isn't here: they are never told anything, but ended
	 * like the others */
	struct list strangers;
};

extern const struct grpc_method grpc_health_methods[];
extern const size_t grpc_health_methods_n;

void grpc_health_init(struct grpc_health *h);

/* Tells the watchers when it differs from before. */
void grpc_health_set(struct grpc_health *h, bool serving);

/* Ends every Watch with UNAVAILABLE, also those that come later, so that a draining connection
 * can close; their clients go on with another instance. */
void grpc_health_end_watches(struct grpc_health *h);

#endif
