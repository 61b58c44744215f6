/* How many requests one address and one client may make: token buckets of the whole process,
 * shared by its workers (base/rate_table.h: no locks).
 *
 *   address   M2M_ADDRESS_RATE, M2M_ADDRESS_BURST: every request but those for documents that
 *             anyone may read, by the network of who calls (base/network.h). Before any other
 *             work.
 *   client    M2M_CLIENT_RATE, M2M_CLIENT_BURST: requests for tokens, by the client_id they
 *             name, in two buckets of that size:
 *               - of the client at this address: each request takes from it, whatever comes of
 *                 it, before the database is asked
 *               - of the client: each token issued takes from it; where it is empty, nothing is
 *                 asked for.
 *
 * What else a client authenticates itself for (introspection, revocation) takes from the bucket of
 * the client at this address only when its credential is wrong: a secret, a certificate, a forged
 * assertion or one that was used before.
 *
 * So nobody who doesn't have the credential can take anything from a client's own bucket; a
 * stranger's attempts meet their own address's bucket. What is refused here takes nothing, and
 * costs no look into the database. A client that asks from several addresses at once may get a
 * burst at each before its own bucket says so; then it waits that out (for another fill at
 * most).
 *
 * Some stock clients try the credentials in the other place when they were refused: HTTP Basic,
 * then the body, or the other way round (RFC 6749 section 2.3.1 lets servers take either). A
 * request for a token that was refused (but not here) is remembered for REPEAT_US; the next one
 * from the same address with the same secret in the other place belongs to it and takes nothing
 * of what it took. Each refusal excuses one request, and an excused one excuses none. */
#ifndef M2M_OP_RATE_LIMITS_H
#define M2M_OP_RATE_LIMITS_H

#include <stdint.h>

#include "config/config.h"

struct rate_limits;

/* *ret: NULL when the config limits nothing. ERR_NO_MEMORY, ERR_CRYPTO (no random bytes) leave
 * it untouched. */
MUST_CHECK enum err rate_limits_open(const struct config *config, struct rate_limits **ret);
void rate_limits_close(struct rate_limits *l); /* NULL: nothing to do */

/* From a worker's tick; any number of workers may. NULL: nothing to do. */
void rate_limits_sweep(struct rate_limits *l, int64_t now_us);

struct rate_limits_counts {
	uint64_t by_address, by_client; /* requests refused */
	uint64_t evicted;               /* buckets that made room before they were full */
};
/* False: there are no limits. */
bool rate_limits_counts(const struct rate_limits *l, struct rate_limits_counts *ret);

#endif
