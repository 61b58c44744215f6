/* Linked in front of jwt_sign_drafts (ld's --wrap), so that the signing key is parsed at every
 * token, as libjwt would: a regression for tests/interop/run_instructions to notice. */
#include "crypto/jwt.h"

enum err __real_jwt_sign_drafts(struct signing_key *key, const struct jwt_draft *drafts, size_t n);
enum err __wrap_jwt_sign_drafts(struct signing_key *key, const struct jwt_draft *drafts, size_t n);

static enum err sign_one(struct signing_key *key, const struct jwt_draft *draft)
{
	struct arena *a = arena_new(16384);
	struct signing_key *parsed = NULL;
	struct str der;
	enum err err = a == NULL ? ERR_NO_MEMORY : signing_key_to_der(key, a, &der);
	if (err == ERR_OK)
		err = signing_key_from_der(signing_key_alg(key), der, &parsed);
	if (err == ERR_OK)
		err = __real_jwt_sign_drafts(parsed, draft, 1);
	signing_key_free(parsed);
	arena_free(a);
	return err;
}

enum err __wrap_jwt_sign_drafts(struct signing_key *key, const struct jwt_draft *drafts, size_t n)
{
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < n; i++)
		err = sign_one(key, &drafts[i]);
	return err;
}
