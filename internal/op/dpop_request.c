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

enum op_verdict op_check_proof(struct op *op, struct str access_token, struct dpop_proof *ret, struct issue_once *ret_once)
{
	const struct dpop_rules rules = {
		.method = str_of(op->spec->method),
		.public_url = op->env->config->public_url,
		.path = op->in.path,
		.now_us = store_now_us(op->env->store),
		.past_s = DPOP_PROOF_PAST_S,
		.future_s = DPOP_PROOF_FUTURE_S,
		.nonces = op->env->nonces,
		.access_token = access_token,
	};
	const char *why = NULL;
	enum err err = op->env->nonces == NULL ? ERR_OK : put_nonce(op, rules.now_us);
	if (err == ERR_OK)
		err = dpop_proof_check(op->arena, op->in.dpop, &rules, ret, &why);
	if (err == ERR_OK)
		err = put_once(op, ret, ret_once);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, why);
}

enum op_verdict op_verify_proof(struct op *op)
{
	struct dpop_proof proof;
	struct issue_once once;
	if (op->in.dpop.p == NULL)
		return OP_MORE;
	enum op_verdict verdict = op_check_proof(op, STR_NONE, &proof, &once);
	if (verdict != OP_MORE)
		return verdict;
	op->held.jkt = arena_printf(op->arena, "jkt:%s", proof.jkt);
	op->held.proof = once;
	if (op->held.jkt.p == NULL)
		return op_fail(op, ERR_NO_MEMORY, NULL);
	if (proof.fapi2_fault != NULL && op->fapi2_fault == NULL) {
		op->fapi2_fault = proof.fapi2_fault;
		op->fapi2_err = ERR_INVALID_DPOP_PROOF;
	}
	return OP_MORE;
}
