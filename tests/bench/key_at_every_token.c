/* Linked in front of jwt_sign (ld's --wrap), so that the signing key is parsed at every token, as libjwt would: a regression for tests/interop/run_instructions to notice. */
#include "crypto/jwt.h"

enum err __real_jwt_sign(struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out);
enum err __wrap_jwt_sign(struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out);

enum err __wrap_jwt_sign(struct signing_key *key, bool at_jwt, struct str claims, struct sbuf *out)
{
	struct arena *a = arena_new(16384);
	struct signing_key *parsed = NULL;
	struct str der;
	enum err err = a == NULL ? ERR_NO_MEMORY : signing_key_to_der(key, a, &der);
	if (err == ERR_OK)
		err = signing_key_from_der(signing_key_alg(key), der, &parsed);
	if (err == ERR_OK)
		err = __real_jwt_sign(parsed, at_jwt, claims, out);
	signing_key_free(parsed);
	arena_free(a);
	return err;
}
