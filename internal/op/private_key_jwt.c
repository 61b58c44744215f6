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

/* The key that has signed it. `kid` is a hint (RFC 7515 section 4.1.4): the client's own name for
 * the key, or its thumbprint; without one each of its keys is tried. */
static const struct known_key *signer_of(const struct known_keys *keys, const struct jwt *jwt)
{
	for (size_t i = 0; keys != NULL && i < keys->n; i++) {
		const struct known_key *key = &keys->v[i];
		struct signing_key *verifier = key->by_alg[jwt->alg];
		if (verifier != NULL && is_named(key, jwt->kid) && jwt_verify(verifier, jwt) == ERR_OK)
			return key;
	}
	return NULL;
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

static enum op_verdict check_claims(struct op *op, const struct known_key *signer)
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
	op->proof->credential_id = arena_copy(op->arena, str_of(signer->credential_id));
	enum err err = put_shown(op);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

enum op_verdict op_verify_assertion(struct op *op)
{
	if (op->proof == NULL)
		return OP_MORE;
	const struct known_key *signer = signer_of(client_key_memo_get(op->env->client_keys, op->in.client_id), &op->proof->jwt);
	if (signer != NULL)
		return check_claims(op, signer);
	/* it may have been added since */
	return op->asked_credentials ? refuse(op, NO_MATCH) : op_ask_for_credentials(op);
}
