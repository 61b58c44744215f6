/* Somebody else's JWK Set (RFC 7517 section 5): the public keys of a trusted issuer, for one
 * thread. */
#ifndef M2M_CRYPTO_JWKS_H
#define M2M_CRYPTO_JWKS_H

#include "base/str.h"
#include "crypto/signing_key.h"

#define JWKS_KEYS_MAX 64
#define JWKS_TEXT_MAX (256 * 1024)

struct jwks;

/* Keys that can't verify our algorithms (another kty or curve, use other than "sig", key_ops
 * without "verify", an empty kid, RSA outside 2048 to 4096 bits, a private or symmetric part)
 * are skipped and counted. A key without "alg", as Entra ID publishes them, is pinned to its
 * type's plain one: RSA to RS256, P-256 to ES256, Ed25519 to EdDSA. ERR_MALFORMED: no JWK Set,
 * or two usable keys under one kid; ERR_TOO_LARGE: more than JWKS_KEYS_MAX keys or JWKS_TEXT_MAX
 * bytes; ERR_NO_MEMORY. *ret_skipped may be NULL. */
MUST_CHECK enum err jwks_parse(struct str text, struct jwks **ret, unsigned *ret_skipped);
void jwks_free(struct jwks *set); /* NULL is allowed */

size_t jwks_count(const struct jwks *set); /* usable keys */
/* By the kid that the document gives, whatever the key's own thumbprint is. NULL: unknown. */
struct signing_key *jwks_find(struct jwks *set, struct str kid);
/* For a token without kid: how many keys are for `alg`, with a kid or without; the first `cap`
 * of them in `ret`. */
size_t jwks_of_alg(struct jwks *set, enum jwt_alg alg, struct signing_key **ret, size_t cap);

#endif
