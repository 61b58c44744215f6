#include "hashing/hash_failures.h"

#include <stdlib.h>

#include "base/network.h"
#include "base/rate_table.h"
#include "base/siphash.h"
#include "crypto/digest.h"

#define SWEEP_SETS 16 /* at each tick: a minute's ticks go through a table several times */

struct hash_failures {
	struct siphash_key key;
	struct rate_table *here, *clients;
};

static struct rate here_rate(void)
{
	return rate_of(HASH_FAILURES_HERE_RATE, HASH_FAILURES_HERE_BURST);
}

static struct rate client_rate(void)
{
	return rate_of(HASH_FAILURES_RATE, HASH_FAILURES_BURST);
}

enum err hash_failures_open(struct hash_failures **ret)
{
	struct hash_failures *f = calloc(1, sizeof *f);
	if (f == NULL)
		return ERR_NO_MEMORY;
	f->here = rate_table_new();
	f->clients = rate_table_new();
	enum err err = crypto_random(&f->key, sizeof f->key);
	if (f->here == NULL || f->clients == NULL)
		err = ERR_NO_MEMORY;
	if (err == ERR_OK)
		*ret = f;
	else
		hash_failures_close(f);
	return err;
}

void hash_failures_close(struct hash_failures *f)
{
	if (f == NULL)
		return;
	rate_table_free(f->here);
	rate_table_free(f->clients);
	free(f);
}

static uint64_t client_key(const struct hash_failures *f, struct str client_id)
{
	return siphash(f->key, client_id.p, client_id.n);
}

/* Addresses that can't be read share a network. */
static uint64_t here_key(const struct hash_failures *f, struct str client_id, struct str address)
{
	uint8_t network[NETWORK_MAX];
	size_t n = network_of(address, network);
	return siphash((struct siphash_key){f->key.k0 ^ client_key(f, client_id), f->key.k1}, network, n);
}

int64_t hash_failures_wait(struct hash_failures *f, struct str client_id, struct str address, int64_t now_us)
{
	int64_t here_us = rate_table_wait(f->here, here_rate(), here_key(f, client_id, address), now_us);
	int64_t client_us = rate_table_wait(f->clients, client_rate(), client_key(f, client_id), now_us);
	return here_us > client_us ? here_us : client_us;
}

void hash_failures_note(struct hash_failures *f, struct str client_id, struct str address, int64_t now_us)
{
	rate_table_owe(f->here, here_rate(), here_key(f, client_id, address), now_us);
	rate_table_owe(f->clients, client_rate(), client_key(f, client_id), now_us);
}

void hash_failures_sweep(struct hash_failures *f, int64_t now_us)
{
	rate_table_sweep(f->here, now_us, SWEEP_SETS);
	rate_table_sweep(f->clients, now_us, SWEEP_SETS);
}
