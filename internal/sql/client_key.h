/* Clients' public keys as both programs handle them: what is registered, and what is shown of it.
 * Plain data; strings are borrowed from whoever filled them in. */
#ifndef M2M_SQL_CLIENT_KEY_H
#define M2M_SQL_CLIENT_KEY_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/uuid.h"

/* What is to be registered. */
struct key_spec {
	struct str credential_id; /* the key's RFC 7638 thumbprint, base64url */
	struct str public_jwk;
	struct str name;    /* absent: none */
	int64_t expires_at; /* microseconds since 1970; 0: it has no end of its own */
};

/* What is registered. */
struct registered_key {
	struct uuid organization_id;
	struct str client_id, credential_id, name, public_jwk;
	struct str kty, alg;            /* of public_jwk; absent alg: any that fits the key */
	int64_t created_at, expires_at; /* 0: it has no end of its own */
};

/* A key as somebody pastes it: a public JWK, a JWK Set of one key, or PEM (crypto/client_key.h),
 * with its name and end as they were given. An end that can't be read is negative. `now`:
 * microseconds since 1970. *ret lives in `a`.
 *
 * ERR_MALFORMED, with a sentence for whoever pasted it in *ret_why (static); ERR_NO_MEMORY,
 * ERR_CRYPTO: without one. */
MUST_CHECK enum err key_spec_read(struct arena *a, struct str text, struct str name, int64_t expires_at, int64_t now, struct key_spec *ret,
				  const char **ret_why);

#endif
