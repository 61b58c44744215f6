#include "base/peers.h"

#include <stdlib.h>
#include <sys/random.h>

#define SHARE 15 /* what one may hold, in times of the room that is left */

enum err peers_init(struct peers *peers)
{
	for (size_t i = 0; i < PEERS_BUCKETS; i++)
		list_init(&peers->buckets[i]);
	ssize_t n = getrandom(&peers->key, sizeof peers->key, 0);
	return n == sizeof peers->key ? ERR_OK : ERR_IO;
}

static struct peer *find(const struct list *bucket, const uint8_t *network, size_t n)
{
	LIST_EACH (it, bucket) {
		struct peer *peer = LIST_OWNER(it, struct peer, node);
		if (peer->n == n && memcmp(peer->network, network, n) == 0)
			return peer;
	}
	return NULL;
}

struct peer *peers_take(struct peers *peers, struct str address)
{
	uint8_t network[NETWORK_MAX] = {0};
	size_t n = network_of(address, network);
	uint64_t hash = siphash(peers->key, network, n);
	struct list *bucket = &peers->buckets[hash % PEERS_BUCKETS];
	struct peer *peer = find(bucket, network, n);
	if (peer != NULL)
		return peer_keep(peer);
	peer = calloc(1, sizeof *peer);
	if (peer == NULL)
		return NULL;
	memcpy(peer->network, network, sizeof network);
	peer->n = n;
	list_init(&peer->waiting);
	list_init(&peer->unread);
	list_append(bucket, &peer->node);
	return peer_keep(peer);
}

struct peer *peer_keep(struct peer *peer)
{
	peer->users++;
	return peer;
}

void peer_release(struct peer *peer)
{
	if (peer == NULL || --peer->users > 0)
		return;
	list_remove(&peer->node);
	free(peer);
}

bool fair_share(unsigned held, unsigned taken, unsigned max)
{
	if (taken >= max)
		return false;
	return held == 0 || held < SHARE * (uint64_t)(max - taken - 1);
}
