#include "op/dpop_request.h"

static enum err put_nonce(struct op *op, int64_t now_us)
{
	char nonce[DPOP_NONCE_LEN + 1];
	enum err err = dpop_nonce_make(op->env->nonces, now_us, nonce);
	if (err == ERR_OK)
		op->dpop_nonce = arena_copy(op->arena, str_of(nonce));
	return err;
}

static enum err put_once(struct op *op, const struct dpop_proof *proof, struct issue_once *ret)
{
	uint8_t *hash = arena_alloc(op->arena, USED_ONCE_LEN);
	if (hash == NULL)
		return ERR_NO_MEMORY;
	*ret = (struct issue_once){.hash = str_from(hash, USED_ONCE_LEN), .until = proof->refused_from};
	return used_once_make(op->env->hasher, USED_ONCE_DPOP_PROOF, str_of(proof->jkt), proof->jti, hash);
}

static struct dpop_rules rules_of(struct op *op, struct str access_token)
{
	return (struct dpop_rules){
		.method = str_of(op->spec->method),
		.public_url = op->env->config->public_url,
		.path = op->in.path,
		.now_us = store_now_us(op->env->store),
		.past_s = DPOP_PROOF_PAST_S,
		.future_s = DPOP_PROOF_FUTURE_S,
		.nonces = op->env->nonces,
		.access_token = access_token,
	};
}

static enum err put_fresh_nonce(struct op *op)
{
	return op->env->nonces == NULL ? ERR_OK : put_nonce(op, store_now_us(op->env->store));
}

enum op_verdict op_check_proof(struct op *op, struct str access_token, struct dpop_proof *ret, struct issue_once *ret_once)
{
	const struct dpop_rules rules = rules_of(op, access_token);
	const char *why = NULL;
	enum err err = put_fresh_nonce(op);
	if (err == ERR_OK)
		err = dpop_proof_check(op->arena, op->in.dpop, &rules, ret, &why);
	if (err == ERR_OK)
		err = put_once(op, ret, ret_once);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, why);
}

/* ---- at the token endpoint ---- */

static void verified(void *arg, enum err err)
{
	struct op *op = arg;
	op->shown_proof->err = err;
	op->step--; /* the step that asked, once more */
	op_resume(op, err == ERR_SHUTTING_DOWN ? err : ERR_OK);
}

/* OP_WAIT: with those of other requests, in this turn of the loop. */
static enum op_verdict verify(struct op *op, struct signing_key *key)
{
	struct shown_proof *shown = op->shown_proof;
	shown->question = (struct signature_question){
		.verification = {.key = key, .input = shown->jwt.signing_input, .signature = shown->jwt.signature},
		.done = verified,
		.arg = op,
	};
	if (op->env->signatures != NULL && signature_ask(op->env->signatures, &shown->question))
		return OP_WAIT;
	shown->err = jwt_verify(key, &shown->jwt);
	return OP_MORE;
}

static enum op_verdict read_and_verify(struct op *op)
{
	struct shown_proof *shown = op->shown_proof = arena_alloc(op->arena, sizeof *shown);
	struct signing_key *key;
	const char *why = NULL;
	enum err err = shown == NULL ? ERR_NO_MEMORY : put_fresh_nonce(op);
	if (err == ERR_OK)
		err = dpop_proof_read(op->arena, op->in.dpop, &shown->jwt, &key, &shown->proof, &why);
	if (err != ERR_OK)
		return op_fail(op, err, why);
	enum op_verdict verdict = verify(op, key);
	signing_key_free(key);
	return verdict;
}

static enum op_verdict settle(struct op *op)
{
	struct shown_proof *shown = op->shown_proof;
	const struct dpop_rules rules = rules_of(op, STR_NONE);
	const char *why = NULL;
	enum err err = dpop_proof_settle(&shown->jwt, shown->err, &rules, &shown->proof, &why);
	if (err == ERR_OK)
		err = put_once(op, &shown->proof, &op->held.proof);
	if (err != ERR_OK)
		return op_fail(op, err, why);
	op->held.jkt = arena_printf(op->arena, "jkt:%s", shown->proof.jkt);
	if (op->held.jkt.p == NULL)
		return op_fail(op, ERR_NO_MEMORY, NULL);
	if (shown->proof.fapi2_fault != NULL && op->fapi2_fault == NULL) {
		op->fapi2_fault = shown->proof.fapi2_fault;
		op->fapi2_err = ERR_INVALID_DPOP_PROOF;
	}
	return OP_MORE;
}

enum op_verdict op_verify_proof(struct op *op)
{
	if (op->in.dpop.p == NULL)
		return OP_MORE;
	enum op_verdict verdict = op->shown_proof == NULL ? read_and_verify(op) : OP_MORE;
	return verdict == OP_MORE ? settle(op) : verdict;
}
