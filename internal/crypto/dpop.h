/* What of DPoP (RFC 9449) needs keys: the proof's own key, and the server's nonces. What a proof
 * has to say stands in op/dpop_proof.h. */
#ifndef M2M_CRYPTO_DPOP_H
#define M2M_CRYPTO_DPOP_H

#include "crypto/client_key.h"
#include "crypto/jwt.h"
#include "crypto/master_ring.h"

/* ---- proofs ---- */

/* typ dpop+jwt, and the public key in the header's jwk (section 4.2). */
extern const struct jwt_form jwt_form_dpop_proof;

/* The key that the proof embeds (section 4.3, points 5 to 7), which is for `alg` and without a
 * private part; jwt_verify tells whether it signed the proof. Anybody sends proofs, so nothing that
 * costs more than a signature is asked of the key: one that protects nothing harms its owner alone.
 * The caller frees it. ERR_MISMATCH: no such key; ERR_NO_MEMORY, ERR_CRYPTO. */
MUST_CHECK enum err dpop_key(const struct jwt *proof, struct signing_key **ret);
/* Its RFC 7638 thumbprint in base64url, with a NUL. */
void dpop_thumbprint(const struct signing_key *key, char jkt[THUMBPRINT_TEXT_LEN + 1]);

/* The `ath` of an access token: base64url of its SHA-256, with a NUL (section 4.2). */
MUST_CHECK enum err dpop_ath(struct str access_token, char out[THUMBPRINT_TEXT_LEN + 1]);

/* ---- nonces (section 8) ---- */

/* A nonce is a time slot and its MAC. Nobody stores it; each gateway that has the master key
 * accepts it. A new master key comes to all rings before it becomes active, so no gateway meets
 * the nonce of a key that it lacks. */
#define DPOP_NONCE_LEN    27 /* base64url of 4 and 16 bytes */
#define DPOP_NONCE_SLOT_S 30

struct dpop_nonces;

/* A nonce is good for `lifetime_s` seconds, up to DPOP_NONCE_SLOT_S more. Nothing of `ring` is
 * borrowed. ERR_NO_MEMORY, ERR_CRYPTO. */
MUST_CHECK enum err dpop_nonces_new(const struct master_ring *ring, int64_t lifetime_s, struct dpop_nonces **ret);
void dpop_nonces_free(struct dpop_nonces *nonces); /* NULL is allowed; wipes */

/* The present one, for the field DPoP-Nonce, with a NUL: the active master key's. ERR_CRYPTO. */
MUST_CHECK enum err dpop_nonce_make(const struct dpop_nonces *nonces, int64_t now_us, char out[DPOP_NONCE_LEN + 1]);

/* One that a key of the ring made within the lifetime, or of the next slot, since clocks differ. */
bool dpop_nonce_is_fresh(const struct dpop_nonces *nonces, int64_t now_us, struct str nonce);

#endif
