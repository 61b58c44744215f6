/* What a client's assertions are checked with: the public keys that it signs with, and the terms
 * of its workloads. The answer decides nothing: whether a credential is live when a token is
 * issued is for the issuing statement. */
#ifndef M2M_STORE_CLIENT_JWKS_H
#define M2M_STORE_CLIENT_JWKS_H

#include "sql/client_credential.h"
#include "store/store.h"

#define CLIENT_KEYS_MAX 16 /* keys and workloads that a client has at once: 8 of each */

struct client_jwk {
	struct str credential_id; /* a key's RFC 7638 thumbprint; of a workload one of its terms */
	struct str jwk;           /* as client_key_read gave it; absent: it is a workload */
	struct workload_terms workload;
};

/* `keys`: the client's live ones, borrowed until this returns; none of a client that isn't there.
 * Errors: those of any statement. */
typedef void client_jwks_done(void *arg, enum err err, const struct client_jwk *keys, size_t n);

/* From the loop, exactly once, and never from inside the call. On an error `done` isn't called. */
MUST_CHECK enum err client_jwks_find(struct store *s, struct str client_id, client_jwks_done *done, void *arg);

#endif
