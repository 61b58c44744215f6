/* A server that speaks PostgreSQL's protocol to one gateway in the same process, and grants
 * everything: it has one signing key, takes every credential, and stores nothing. The gateway's
 * store and libpq are the real ones. For measuring what a token costs the gateway and nobody
 * else; what SQL does is never tested with it. */
#ifndef M2M_FAKES_FAKE_POSTGRES_H
#define M2M_FAKES_FAKE_POSTGRES_H

#include <stdint.h>

#include "base/str.h"

/* The row of m2m.signing_key, borrowed. */
struct fake_postgres_key {
	struct str kid, alg, public_jwk, wrapped, wrap_key_id;
};

struct fake_postgres;

/* Listens on a free port of 127.0.0.1. NULL: it can't. */
struct fake_postgres *fake_postgres_new(const struct fake_postgres_key *key, uint16_t *ret_port);
void fake_postgres_free(struct fake_postgres *p); /* NULL is allowed */

/* Takes what has come and answers all of it; never waits. To be called between the turns of the
 * gateway's loop. */
void fake_postgres_turn(struct fake_postgres *p);

/* How many issuing statements were answered. */
unsigned fake_postgres_batches(const struct fake_postgres *p);

#endif
