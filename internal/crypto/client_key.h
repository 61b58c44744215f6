/* A client's public key as an admin registers it: pasted text -> one checked key -> what the
 * database stores of it. To verify with: signing_key_from_known_jwk(jwt.alg, stored),
 * whose ERR_MISMATCH says that the key isn't for this alg. */
#ifndef M2M_CRYPTO_CLIENT_KEY_H
#define M2M_CRYPTO_CLIENT_KEY_H

#include <stdbool.h>

#include "base/arena.h"
#include "crypto/digest.h"
#include "crypto/jwt_alg.h"

#define CLIENT_KEY_TEXT_MAX 16384
#define THUMBPRINT_TEXT_LEN 43 /* base64url of SHA-256 */

struct client_key {
	/* kty, its parameters, alg and kid where they were given; nothing else. In the arena */
	struct str jwk;
	struct str kid; /* absent, or 1 to KID_MAX visible ASCII characters; in the arena */
	bool alg_pinned;
	enum jwt_alg alg; /* if alg_pinned */
	const char *type; /* "RSA", "P-256" or "Ed25519"; static */
	int bits;
	uint8_t thumbprint[SHA256_LEN]; /* RFC 7638 */
	char thumbprint_text[THUMBPRINT_TEXT_LEN + 1];
};

/* From one public JWK, or from PEM: a public key (SPKI) or a certificate, whose key alone is
 * taken. Refused: private and symmetric keys, RSA outside 2048 to 4096 bits, other curves, `use`
 * other than sig, key_ops without verify, an alg that isn't ours or doesn't fit the type, a kid
 * that no token could name, more than one key.
 *
 * A JWK's alg pins the key to it. Without one, RSA is for PS256 and RS256, P-256 for ES256,
 * Ed25519 for EdDSA.
 *
 * ERR_MALFORMED, with a sentence for the admin in *ret_why (static); ERR_NO_MEMORY, ERR_CRYPTO:
 * without one. */
MUST_CHECK enum err client_key_read(struct arena *a, struct str text, struct client_key *ret, const char **ret_why);

/* Whether a signature of `alg` may be of this key. */
bool client_key_takes(const struct client_key *key, enum jwt_alg alg);

#endif
