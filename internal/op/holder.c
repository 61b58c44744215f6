#include "op/holder.h"

#include <stdio.h>

#include "op/dpop_request.h"
#include "store/used_once.h"

#define JKT "jkt:"

/* A confirmation of another kind is none that we gave, and nobody could hold to it. */
bool op_read_confirmation(const struct json *claims, char out[BEARER_BINDING_MAX + 1])
{
	const struct json *cnf = json_get(claims, "cnf");
	struct str jkt = STR_NONE;
	struct str x5t = STR_NONE;
	if (cnf == NULL) {
		out[0] = '\0';
		return true;
	}
	bool has_jkt = json_string(json_get(cnf, "jkt"), &jkt) == ERR_OK;
	bool has_x5t = json_string(json_get(cnf, "x5t#S256"), &x5t) == ERR_OK;
	struct str value = has_jkt ? jkt : x5t;
	if (has_jkt == has_x5t || value.n != THUMBPRINT_TEXT_LEN)
		return false;
	int n = snprintf(out, BEARER_BINDING_MAX + 1, "%s:%.*s", has_jkt ? "jkt" : "x5t#S256", STR_ARG(value));
	return n > 0 && n <= BEARER_BINDING_MAX;
}

static enum op_verdict refuse(struct op *op, const char *why)
{
	return op_fail(op, ERR_INVALID_TOKEN, why);
}

/* Whatever authenticates is taken once more, and finds the proof spent. */
static void proof_spent(void *arg, enum err err)
{
	struct op *op = arg;
	op->bearer_proof.spent = err == ERR_OK;
	if (err == ERR_PROFILE_VIOLATED) {
		op->err_detail = op->bearer_proof.fapi2_fault;
		err = ERR_INVALID_DPOP_PROOF;
	}
	op->step--;
	op_resume(op, err);
}

static enum op_verdict spend(struct op *op)
{
	struct str client_id = op->caller_known ? op->caller.client_id : STR_NONE;
	bool fapi2 = op->bearer_proof.fapi2_fault == NULL;
	enum err err = used_once_spend(op->env->store, &op->bearer_proof.once, client_id, fapi2, proof_spent, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

static enum op_verdict hold_to_proof(struct op *op, struct str jkt)
{
	struct dpop_proof proof;
	if (op->origin.transport == 'g')
		return refuse(op, "The access token is bound to a DPoP key, and DPoP is taken over REST only.");
	op->bearer_proof.wanted = true;
	if (!op->in.dpop_scheme)
		return refuse(op, "The access token is bound to a DPoP key: send it as Authorization: DPoP, with a proof.");
	if (op->in.dpop.p == NULL)
		return op_fail(op, ERR_INVALID_DPOP_PROOF, "The request lacks the field DPoP, with a proof of the access token's key.");
	enum op_verdict verdict = op_check_proof(op, op->in.bearer, &proof, &op->bearer_proof.once);
	if (verdict != OP_MORE)
		return verdict;
	op->bearer_proof.fapi2_fault = proof.fapi2_fault;
	if (proof.fapi2_fault != NULL && op->env->config->fapi2)
		return op_fail(op, ERR_INVALID_DPOP_PROOF, proof.fapi2_fault);
	if (!str_eq(str_of(proof.jkt), jkt))
		return refuse(op, "The access token is bound to another key than the proof's (RFC 9449 section 7.1).");
	return spend(op);
}

enum op_verdict op_hold(struct op *op, struct str bound_to)
{
	struct str prefix = STR(JKT);
	if (str_starts(bound_to, prefix))
		return op->bearer_proof.spent ? OP_MORE : hold_to_proof(op, str_from(bound_to.p + prefix.n, bound_to.n - prefix.n));
	if (op->in.dpop_scheme)
		return refuse(op, "The access token isn't bound to a DPoP key: send it as Authorization: Bearer.");
	if (bound_to.n == 0 || (op->held.x5t.p != NULL && str_eq(bound_to, op->held.x5t)))
		return OP_MORE;
	return refuse(op, "The access token is bound to a client certificate which the connection doesn't have.");
}
