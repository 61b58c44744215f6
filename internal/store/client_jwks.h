/* The public keys that a client signs with, for who checks a signature. The answer decides
 * nothing: whether a key is live when a token is issued is for the issuing statement. */
#ifndef M2M_STORE_CLIENT_JWKS_H
#define M2M_STORE_CLIENT_JWKS_H

#include "store/store.h"

#define CLIENT_KEYS_MAX 8 /* that a client has at once */

struct client_jwk {
	struct str credential_id; /* RFC 7638 thumbprint */
	struct str jwk;           /* as client_key_read gave it */
};

/* `keys`: the client's live ones, borrowed until this returns; none of a client that isn't there.
 * Errors: those of any statement. */
typedef void client_jwks_done(void *arg, enum err err, const struct client_jwk *keys, size_t n);

/* From the loop, exactly once, and never from inside the call. On an error `done` isn't called. */
MUST_CHECK enum err client_jwks_find(struct store *s, struct str client_id, client_jwks_done *done, void *arg);

#endif
