/* Who holds how much of what one listener has to give, by network address (base/network.h).
 *
 * A connection takes its address's peer when it opens, and lets go of it when it is freed; what it
 * holds besides (calls) keeps the peer too. What one address may hold has no fixed limit, so that a
 * proxy, behind which all clients have one address, isn't held back: it depends on the room that is
 * left (fair_share). */
#ifndef M2M_BASE_PEERS_H
#define M2M_BASE_PEERS_H

#include <stdbool.h>

#include "base/list.h"
#include "base/network.h"
#include "base/siphash.h"

#define PEERS_BUCKETS 1024

struct peers {
	struct siphash_key key;
	struct list buckets[PEERS_BUCKETS];
};

struct peer {
	struct list node;
	uint8_t network[NETWORK_MAX];
	size_t n;       /* 0: all whose address isn't known */
	unsigned users; /* who took it and hasn't let go */
	unsigned connections, calls, streams;
	/* of the listener's calls: who is to make room, the oldest first */
	struct list waiting, unread;
};

/* ERR_IO: the system has no random bytes. */
MUST_CHECK enum err peers_init(struct peers *peers);

/* The peer of `address`, in numbers; peer_release lets go of it. NULL: out of memory. */
struct peer *peers_take(struct peers *peers, struct str address);
/* One user more; returns `peer`. */
struct peer *peer_keep(struct peer *peer);
/* NULL is allowed. The last user's frees it. */
void peer_release(struct peer *peer);

/* Whether who holds `held` may have one more, when `taken` of `max` are taken by all together. Who
 * holds nothing may have the last one; others leave a sixteenth of what they hold free. So one
 * address alone gets fifteen sixteenths, and an address that comes later finds room. */
bool fair_share(unsigned held, unsigned taken, unsigned max);

#endif
