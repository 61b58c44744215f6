/* How often a client's hashes may be asked in vain, whether or not there are limits by settings: a
 * hash costs the gateway more than it costs who shows a wrong secret. Token buckets of the whole
 * process, by client at an address (base/network.h) and by client, from which only wrong secrets
 * take. A stranger meets its own address's bucket first. */
#ifndef M2M_HASHING_HASH_FAILURES_H
#define M2M_HASHING_HASH_FAILURES_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define HASH_FAILURES_HERE_RATE  1 /* a second, of a client at one address */
#define HASH_FAILURES_HERE_BURST 4
#define HASH_FAILURES_RATE       4 /* a second, of a client */
#define HASH_FAILURES_BURST      16

struct hash_failures;

/* ERR_NO_MEMORY, ERR_CRYPTO. */
MUST_CHECK enum err hash_failures_open(struct hash_failures **ret);
void hash_failures_close(struct hash_failures *f); /* NULL is allowed */

/* How long until a hash may be asked; 0: now. Microseconds, as `now_us`, the monotonic clock's. */
int64_t hash_failures_wait(struct hash_failures *f, struct str client_id, struct str address, int64_t now_us);
/* It was asked in vain. */
void hash_failures_note(struct hash_failures *f, struct str client_id, struct str address, int64_t now_us);

/* From a worker's tick; any number of workers may. */
void hash_failures_sweep(struct hash_failures *f, int64_t now_us);

#endif
