/* A workload shows its token at each request: libjwt, which reads the key's PEM each time, would
 * cost more than the signature. */
#include "op/issuer_key.h"

static void keys_fetched(void *arg, enum err err)
{
	struct op *op = arg;
	op->step--; /* the step that waits, once more */
	op_resume(op, err);
}

enum op_verdict op_wait_for_keys(struct op *op, const struct trust_issuer *issuer)
{
	if (op->asked_issuer)
		return op_fail(op, ERR_ISSUER_UNAVAILABLE, NULL);
	op->asked_issuer = true;
	enum err err = trust_wait(op->env->trust, issuer, keys_fetched, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* RFC 7515 section 4.1.4: kid is a hint that an issuer may leave out. Then a few keys are tried,
 * so that a token is good while the issuer publishes an old key and a new one. The algorithm
 * stays the key's, not the token's. */
static enum err verify_without_kid(struct trust_view *trust, const struct trust_issuer *issuer, const struct jwt *jwt)
{
	struct signing_key *keys[TRUST_KEYS_MAX];
	size_t n = 0;
	enum err err = trust_find_keys_of(trust, issuer, jwt->alg, keys, &n);
	for (size_t i = 0; i < n; i++)
		if (jwt_verify(keys[i], jwt) == ERR_OK)
			return ERR_OK;
	return err == ERR_OK ? trust_ask_anew(trust, issuer) : err;
}

enum err issuer_key_verify(struct trust_view *trust, const struct trust_issuer *issuer, const struct jwt *jwt)
{
	struct signing_key *key = NULL;
	if (jwt->kid.p == NULL)
		return verify_without_kid(trust, issuer, jwt);
	enum err err = trust_find_key(trust, issuer, jwt->kid, &key);
	return err == ERR_OK ? jwt_verify(key, jwt) : err;
}
