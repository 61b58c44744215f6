/* A version of a client's secret: made, and derived again from what the database keeps of it.
 *
 * The database never has the secret itself. It has the version's salt, a verifier and a hint,
 * and the name of the master key that the secret was derived with (design section 6). */
#ifndef M2M_CRYPTO_CREDENTIAL_H
#define M2M_CRYPTO_CREDENTIAL_H

#include "crypto/secret.h"

/* What the database keeps of one version. */
struct credential_kept {
	struct str key_id; /* the master key's; borrowed from it */
	uint8_t salt[SECRET_SALT_LEN];
	uint8_t verifier[SHA256_LEN];
	char hint[SECRET_HINT_LEN];
};

/* A fresh salt and the secret of that version under `key`. Sets params->salt. The caller wipes
 * `secret`. On failure nothing of the secret is left there. ERR_CRYPTO. */
MUST_CHECK enum err credential_make(const struct master_key *key, struct secret_params *params, struct credential_kept *ret,
				    char secret[SECRET_LEN]);

/* Derives the secret of `params` again with the ring's key `key_id`, and holds it against
 * `verifier`. The caller wipes `secret`. On failure nothing of it is left there.
 * ERR_KEY_MISSING: the ring lacks the key. ERR_MISMATCH: the key or what is stored was changed.
 * ERR_CRYPTO. */
MUST_CHECK enum err credential_derive(const struct master_ring *ring, struct str key_id, const struct secret_params *params,
				      struct str verifier, char secret[SECRET_LEN]);

#endif
