/* The networks that a client or an organization may be used from, as an operator gives them. */
#ifndef M2M_SQL_NETWORKS_H
#define M2M_SQL_NETWORKS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

#define NETWORKS_MAX 64 /* as the schema has it */

/* Neither `any` nor a list: not given. */
struct networks {
	bool any;            /* no list: any address */
	const struct str *v; /* NULL: not given */
	size_t n;
};

static inline bool networks_given(const struct networks *networks)
{
	return networks->any || networks->v != NULL;
}

/* What is wrong: "allowed_networks: " network says, or, where there is no one network to name,
 * says. */
struct networks_fault {
	struct str network;
	const char *says;
};

/* Puts each network into its canonical form (base/cidr.h), in `a`, and leaves out what is said
 * twice. False: one isn't a network, has host bits set, or they are none or too many; `networks`
 * is then as it was. */
bool networks_settle(struct arena *a, struct networks *networks, struct networks_fault *ret);

#endif
