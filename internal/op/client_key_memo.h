/* Clients' public keys, and the terms of their workloads, that one worker has read from the
 * database and parsed, so that a signature costs no look-up but the first time. It decides nothing:
 * what was removed may still be here, and the issuing statement then refuses it. What was added is
 * missed, and asked for. A workload's id is of its terms: the same id has the same terms.
 * Bounded: a set-associative table of clients; the one that was used longest ago makes room. */
#ifndef M2M_OP_CLIENT_KEY_MEMO_H
#define M2M_OP_CLIENT_KEY_MEMO_H

#include <stddef.h>

#include "crypto/client_key.h"
#include "crypto/signing_key.h"
#include "store/client_jwks.h"

struct known_key {
	char credential_id[THUMBPRINT_TEXT_LEN + 1];
	char kid[KID_MAX + 1];                     /* the JWK's own; "": none */
	struct signing_key *by_alg[JWT_ALG_COUNT]; /* NULL: the key isn't for it */
};

struct known_workload {
	char credential_id[THUMBPRINT_TEXT_LEN + 1];
	struct workload_terms terms; /* borrowed from the memo */
};

struct known_keys {
	size_t n, workloads_n;
	struct known_workload *workloads; /* oldest first */
	struct known_key v[];             /* oldest first */
};

struct client_key_memo;

struct client_key_memo *client_key_memo_new(void);    /* NULL: out of memory */
void client_key_memo_free(struct client_key_memo *m); /* NULL is allowed */

/* NULL: the client isn't remembered. Valid until the next put. `client_id` is well formed. */
const struct known_keys *client_key_memo_get(struct client_key_memo *m, struct str client_id);

/* In place of what was remembered of the client. What can't be parsed is left out. Valid
 * until the next put. NULL: out of memory, and the client is forgotten. */
const struct known_keys *client_key_memo_put(struct client_key_memo *m, struct str client_id, const struct client_jwk *keys, size_t n);

#endif
