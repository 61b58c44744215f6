/* The authorization server's metadata (RFC 8414), which stands at the OpenID path too for clients that look only there. */
#ifndef M2M_OP_DISCOVERY_H
#define M2M_OP_DISCOVERY_H

#include "base/arena.h"
#include "config/config.h"

/* JSON text in `a`; absent when the arena is full. */
struct str discovery_document(struct arena *a, const struct config *config);

#endif
