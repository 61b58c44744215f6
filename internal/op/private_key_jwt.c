#include "op/private_key_jwt.h"

#include "op/ask_credentials.h"
#include "op/client_key_memo.h"
#include "op/op_steps.h"
#include "op/workload.h"

/* One answer for whatever doesn't belong together, so that it tells nothing of either. */
#define NO_MATCH "No key of this client has made the assertion's signature, or there is no such client."

static enum op_verdict refuse(struct op *op, const char *why)
{
	return op_fail(op, ERR_INVALID_CLIENT, why);
}

enum op_verdict op_take_assertion(struct op *op)
{
	struct op_input *in = &op->in;
	struct key_proof *proof = arena_alloc(op->arena, sizeof *proof);
	struct str subject;
	if (proof == NULL)
		return op_fail(op, ERR_NO_MEMORY, NULL);
	if (in->client_assertion.p == NULL)
		return refuse(op, "The parameter client_assertion is missing beside client_assertion_type.");
	if (!str_eq(in->client_assertion_type, STR(CLIENT_ASSERTION_TYPE)))
		return refuse(op, in->client_assertion_type.p == NULL
					  ? "The parameter client_assertion_type is missing (RFC 7521 section 4.2)."
					  : "The client_assertion_type must be " CLIENT_ASSERTION_TYPE ".");
	enum err parsed = client_assertion_parse(op->arena, in->client_assertion, &proof->jwt);
	enum err named = parsed == ERR_OK ? client_assertion_subject(&proof->jwt, false, &subject) : parsed;
	if (named != ERR_OK && op_shows_workload(op, in->client_assertion, 'w'))
		return op_take_workload(op);
	if (parsed == ERR_OK && named != ERR_OK && store_has_foreign(op->env->store))
		named = client_assertion_subject(&proof->jwt, true, &subject);
	if (parsed != ERR_OK)
		return refuse(op, "The client_assertion isn't a JWT of the form and the algorithms that are taken here.");
	if (named != ERR_OK)
		return refuse(op, "The assertion's iss and sub must both be the client_id (RFC 7523 section 3).");
	/* RFC 7521 section 4.2 */
	if (in->client_id.p != NULL && !str_eq(in->client_id, subject))
		return refuse(op, "The parameter client_id names another client than the assertion's sub.");
	in->client_id = subject;
	op->proof = proof;
	return OP_MORE;
}

static bool is_named(const struct known_key *key, struct str kid)
{
	return kid.p == NULL || str_eq(kid, str_of(key->credential_id)) || (key->kid[0] != '\0' && str_eq(kid, str_of(key->kid)));
}

/* `kid` is a hint (RFC 7515 section 4.1.4): the client's own name for the key, or its thumbprint.
 * NULL: it isn't this key's. */
static struct signing_key *verifier_of(const struct known_key *key, const struct jwt *jwt)
{
	return is_named(key, jwt->kid) ? key->by_alg[jwt->alg] : NULL;
}

/* The key that has signed it; without a kid each of the client's is tried. */
static const struct known_key *signer_of(const struct known_keys *keys, const struct jwt *jwt)
{
	for (size_t i = 0; keys != NULL && i < keys->n; i++) {
		struct signing_key *verifier = verifier_of(&keys->v[i], jwt);
		if (verifier != NULL && jwt_verify(verifier, jwt) == ERR_OK)
			return &keys->v[i];
	}
	return NULL;
}

/* The one that may have signed it. NULL: none may, or several. */
static const struct known_key *only_one(const struct known_keys *keys, const struct jwt *jwt)
{
	const struct known_key *found = NULL;
	for (size_t i = 0; keys != NULL && i < keys->n; i++) {
		if (verifier_of(&keys->v[i], jwt) == NULL)
			continue;
		if (found != NULL)
			return NULL;
		found = &keys->v[i];
	}
	return found;
}

static void verified(void *arg, enum err err)
{
	struct op *op = arg;
	if (err != ERR_OK)
		op->proof->credential_id = STR_NONE;
	op->proof->verified = true;
	op->step--; /* the step that asked, once more */
	op_resume(op, err == ERR_SHUTTING_DOWN ? err : ERR_OK);
}

/* True: with those of other requests, in this turn of the loop. The memory of keys may forget the
 * key meanwhile, and the queue holds it. */
static bool verify_with_others(struct op *op, const struct known_keys *keys)
{
	struct key_proof *proof = op->proof;
	const struct known_key *key = op->env->signatures == NULL ? NULL : only_one(keys, &proof->jwt);
	if (key == NULL)
		return false;
	proof->credential_id = arena_copy(op->arena, str_of(key->credential_id));
	proof->question = (struct signature_question){
		.verification = {.key = verifier_of(key, &proof->jwt),
				 .input = proof->jwt.signing_input,
				 .signature = proof->jwt.signature},
		.done = verified,
		.arg = op,
	};
	return signature_ask(op->env->signatures, &proof->question);
}

static void verify_alone(struct op *op, const struct known_keys *keys)
{
	const struct known_key *signer = signer_of(keys, &op->proof->jwt);
	op->proof->credential_id = signer == NULL ? STR_NONE : arena_copy(op->arena, str_of(signer->credential_id));
	op->proof->verified = true;
}

/* What the issuing statement checks, into op->shown. */
static enum err put_shown(struct op *op)
{
	uint8_t *hash = arena_alloc(op->arena, USED_ONCE_LEN);
	if (hash == NULL)
		return ERR_NO_MEMORY;
	op->shown.auth_method = 'k';
	op->shown.credentials = op->proof->credential_id;
	op->shown.assertion.hash = str_from(hash, USED_ONCE_LEN);
	op->shown.assertion.until = op->proof->claims.refused_from;
	return used_once_make(op->env->hasher, USED_ONCE_CLIENT_ASSERTION, op->in.client_id, op->proof->claims.jti, hash);
}

static enum op_verdict check_claims(struct op *op)
{
	const struct config *config = op->env->config;
	const struct client_assertion_rules rules = {
		.issuer = config->issuer,
		.now_us = store_now_us(op->env->store),
		.max_lifetime_s = config->assertion_lifetime_s,
		.leeway_s = CLIENT_ASSERTION_LEEWAY,
	};
	const char *why = NULL;
	if (client_assertion_check(&op->proof->jwt, &rules, &op->proof->claims, &why) != ERR_OK)
		return refuse(op, why);
	if (op->proof->claims.fapi2_fault != NULL) { /* else the proof's, if it has one, stands */
		op->fapi2_fault = op->proof->claims.fapi2_fault;
		op->fapi2_err = ERR_INVALID_CLIENT;
	}
	enum err err = put_shown(op);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

enum op_verdict op_verify_assertion(struct op *op)
{
	struct key_proof *proof = op->proof;
	if (proof == NULL)
		return OP_MORE;
	if (!proof->verified) {
		const struct known_keys *keys = client_key_memo_get(op->env->client_keys, op->in.client_id);
		if (verify_with_others(op, keys))
			return OP_WAIT;
		verify_alone(op, keys);
	}
	if (proof->credential_id.p != NULL)
		return check_claims(op);
	proof->verified = false;
	/* it may have been added since */
	return op->asked_credentials ? refuse(op, NO_MATCH) : op_ask_for_credentials(op);
}
