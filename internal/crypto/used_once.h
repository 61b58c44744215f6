/* What m2m.used_once remembers of something that may be used once: 16 bytes for a jti and whose
 * it is.
 *
 * SHA-256 under no key: every gateway must come to the same bytes, and no key of an installation
 * outlives the rotation of its master keys. A jti is no secret. Its owner is hashed with it, so
 * a client can spend its own alone. */
#ifndef M2M_CRYPTO_USED_ONCE_H
#define M2M_CRYPTO_USED_ONCE_H

#include "crypto/hasher.h"

#define USED_ONCE_LEN 16
#define JTI_MAX       256

/* Whose the jti is, and so what `owner` is. Hashed by their names, so their order is free. */
enum used_once_kind {
	USED_ONCE_CLIENT_ASSERTION, /* client_id */
	USED_ONCE_WORKLOAD,         /* the workload's issuer */
	USED_ONCE_DPOP_PROOF,       /* jkt, the thumbprint of its key (RFC 9449 section 11.1) */
};

/* The first 16 bytes of SHA-256 of a domain, kind, owner and jti, each behind its length, so
 * that no two of them meet in the same bytes. ERR_CRYPTO. */
MUST_CHECK enum err used_once_make(struct hasher *h, enum used_once_kind kind, struct str owner, struct str jti,
				   uint8_t out[USED_ONCE_LEN]);

#endif
