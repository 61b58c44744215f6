/* Rotating the client secret: read the present version, derive the next one, compare-and-set.
 * When another rotation was faster, from the beginning.
 *
 * A repeat with the same Idempotency-Key is told by the first step, which answers the earlier
 * rotation's version: its secret is derived again. */
#include <stdio.h>
#include <string.h>

#include "op/op_steps.h"

#define CONFLICTS_MAX 32 /* rotations of one client that may overtake this one */

static op_step rotate_begin, rotate_commit;

static enum op_verdict prepare(struct op *op)
{
	/* what a repeat must share with the first request, besides its key */
	char text[64 + FOREIGN_MAX];
	int n = snprintf(text, sizeof text, "rotate %d%s%s%.*s", op->in.grace_seconds, op->in.revoke_tokens ? " revoke_tokens" : "",
			 op->in.client_id.p == NULL ? "" : " ", STR_ARG(op->in.client_id));
	if (n < 0 || (size_t)n >= sizeof text)
		return op_fail(op, ERR_CLIENT_NOT_FOUND, NULL);
	op->rotation.client_id = op->in.client_id;
	op->rotation.grace_seconds = op->in.grace_seconds;
	op->rotation.revoke_tokens = op->in.revoke_tokens;
	op->rotation.idempotency_key = op->in.idempotency_key;
	memcpy(op->rotation.bearer_hash, op->bearer_hash, SHA256_LEN);
	enum err err = sha256(text, (size_t)n, op->rotation.request_hash);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

static void answer(struct op *op, int64_t rotated_us, int64_t previous_expires_us)
{
	op->out.client_id = op->fresh.client_id;
	op->out.client_secret = str_from(op->secret, sizeof op->secret);
	op->out.rotated_us = rotated_us;
	/* without grace the old secret ended in the same moment */
	op->out.previous_expires_us = previous_expires_us == INT64_MIN ? rotated_us : previous_expires_us;
}

static void begun(void *arg, enum err err, const struct credential *c)
{
	struct op *op = arg;
	if (err != ERR_OK) {
		op_resume(op, err);
		return;
	}
	op->fresh.client_id = arena_copy(op->arena, c->client_id);
	op->organization_id = c->params.organization_id;
	if (c->replay) {
		err = op_derive_secret(op, c);
		op->out.version = c->params.version;
		if (err == ERR_OK)
			answer(op, c->created_us, c->previous_expires_us);
		static op_step *const nothing_more[] = {NULL};
		op->step = nothing_more;
	} else {
		struct secret_params next = c->params;
		next.version++;
		next.client_id = op->fresh.client_id;
		err = op_fresh_secret(op, &next);
	}
	op_resume(op, err);
}

static enum op_verdict rotate_begin(struct op *op)
{
	enum err err = credential_rotate_begin(op->env->store, &op->caller, &op->origin, &op->rotation, begun, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

static op_step *const again[] = {rotate_begin, rotate_commit, NULL};

static void committed(void *arg, enum err err, const struct credential *c)
{
	struct op *op = arg;
	if (err == ERR_CONFLICT && ++op->conflicts < CONFLICTS_MAX) {
		op->step = again;
		err = ERR_OK;
	} else if (err == ERR_OK) {
		answer(op, c->created_us, c->previous_expires_us);
	}
	op_resume(op, err);
}

static enum op_verdict rotate_commit(struct op *op)
{
	enum err err = credential_rotate(op->env->store, &op->caller, &op->origin, &op->rotation, &op->fresh, committed, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_rotate_secret_steps[] = {op_authenticate, prepare, rotate_begin, rotate_commit, NULL};
op_step *const op_rotate_client_steps[] = {
	op_authenticate, op_require_platform, op_act_for_organization, prepare, rotate_begin, rotate_commit, NULL};
