#include "crypto/credential.h"

#include <string.h>

enum err credential_make(const struct master_key *key, struct secret_params *params, struct credential_kept *ret, char secret[SECRET_LEN])
{
	struct credential_kept kept = {.key_id = str_of(key->key_id)};
	enum err err = crypto_random(params->salt, sizeof params->salt);
	if (err == ERR_OK)
		err = secret_derive(key, params, secret);
	if (err == ERR_OK)
		err = secret_verifier(key, params->client_id, str_from(secret, SECRET_LEN), kept.verifier);
	if (err != ERR_OK) {
		crypto_wipe(secret, SECRET_LEN);
		return err;
	}
	memcpy(kept.salt, params->salt, sizeof kept.salt);
	secret_hint(secret, kept.hint);
	*ret = kept;
	return ERR_OK;
}

enum err credential_derive(const struct master_ring *ring, struct str key_id, const struct secret_params *params, struct str verifier,
			   char secret[SECRET_LEN])
{
	const struct master_key *key = master_ring_find(ring, key_id);
	uint8_t expected[SHA256_LEN];
	if (key == NULL)
		return ERR_KEY_MISSING;
	enum err err = secret_derive(key, params, secret);
	if (err == ERR_OK)
		err = secret_verifier(key, params->client_id, str_from(secret, SECRET_LEN), expected);
	if (err == ERR_OK && (verifier.n != sizeof expected || !crypto_equal(verifier.p, expected, sizeof expected)))
		err = ERR_MISMATCH;
	if (err != ERR_OK)
		crypto_wipe(secret, SECRET_LEN);
	return err;
}
