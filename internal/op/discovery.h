/* The documents that name this service's public URL: the authorization server's metadata (RFC
 * 8414), the same as OpenID Connect Discovery 1.0 wants it, and the REST contract. */
#ifndef M2M_OP_DISCOVERY_H
#define M2M_OP_DISCOVERY_H

#include "base/arena.h"
#include "config/config.h"

/* What discovery_documents takes from its arena at most, besides twice the contract. */
#define DISCOVERY_ROOM (32 * 1024)

struct documents {
	struct str oauth[2], openid[2];        /* JSON; [1]: where workloads are taken */
	struct str openapi_yaml, openapi_json; /* the contract, with the public URL as its server */
};

/* Texts in `a`, which should hold discovery_room() bytes. ERR_NO_MEMORY: it is full. */
MUST_CHECK enum err discovery_documents(struct arena *a, const struct config *config, struct documents *ret);
size_t discovery_room(void);

#endif
