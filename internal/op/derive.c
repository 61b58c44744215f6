/* The readable secret of which only a verifier is stored: derive it again and hold it against the verifier. */
#include "op/op_steps.h"

enum err op_derive_secret(struct op *op, struct str key_id, const struct secret_params *params, struct str verifier)
{
	const struct master_key *key = master_ring_find(&op->env->config->ring, key_id);
	uint8_t expected[SHA256_LEN];
	if (key == NULL)
		return ERR_KEY_MISSING;
	arena_wipe_on_free(op->arena);
	enum err err = secret_derive(key, params, op->secret);
	if (err == ERR_OK && verifier.p != NULL) {
		err = secret_verifier(key, params->client_id, str_from(op->secret, sizeof op->secret), expected);
		if (err == ERR_OK && (verifier.n != sizeof expected || !crypto_equal(verifier.p, expected, sizeof expected)))
			err = ERR_INTERNAL; /* the row was changed by hand, or restored from another database */
	}
	if (err != ERR_OK)
		crypto_wipe(op->secret, sizeof op->secret);
	return err;
}
