/* Rotating the client secret: read the present version, derive the next one, compare-and-set.
 * When another rotation was faster, from the beginning.
 *
 * A repeat with the same Idempotency-Key is told by the first step, which answers the earlier
 * rotation's version: its secret is derived again. */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/sbuf.h"
#include "op/op_input.h"
#include "op/op_steps.h"

#define CONFLICTS_MAX 32 /* rotations of one client that may overtake this one */

static op_step rotate_begin, rotate_commit;

/* What a repeat must share with the first request, besides its key. */
static struct str meant(struct op *op)
{
	const struct credential_rotation *r = &op->rotation;
	struct sbuf text = sbuf_in(op->arena, 384);
	sbuf_printf(&text, "rotate %d%s", r->grace_seconds, r->revoke_tokens ? " revoke_tokens" : "");
	if (r->unused_for != 0)
		sbuf_printf(&text, " unused_for %d", r->unused_for);
	if (r->client_id.p != NULL)
		sbuf_printf(&text, " %.*s", STR_ARG(r->client_id));
	if (r->end.in != 0 || r->end.at != 0)
		sbuf_printf(&text, " expires_in %d expires_at %" PRId64, r->end.in, r->end.at);
	return sbuf_str(&text);
}

/* A grace, or the longest one of a version that ends once it is unused. */
static enum op_verdict read_grace(struct op *op)
{
	const struct op_input *in = &op->in;
	int32_t at_most = in->at_most_seconds;
	if (in->until_unused_seconds == 0 && at_most != 0)
		return op_fail(op, ERR_INVALID_REQUEST, "at_most_seconds goes with until_unused_seconds.");
	if (in->until_unused_seconds != 0 && in->grace_given)
		return op_fail(op, ERR_INVALID_REQUEST, "grace_seconds and until_unused_seconds exclude each other.");
	if (at_most == 0)
		at_most = OP_AT_MOST_DEFAULT;
	if (in->until_unused_seconds > at_most)
		return op_fail(op, ERR_INVALID_REQUEST, "at_most_seconds must not be less than until_unused_seconds.");
	op->rotation.unused_for = in->until_unused_seconds;
	op->rotation.grace_seconds = in->until_unused_seconds != 0 ? at_most : in->grace_seconds;
	return OP_MORE;
}

static enum op_verdict prepare(struct op *op)
{
	const struct secret_end *until = &op->in.secret_end;
	const char *fault = secret_end_fault(until, clock_wall_us());
	if (fault != NULL)
		return op_fail(op, ERR_INVALID_REQUEST, fault);
	enum op_verdict verdict = read_grace(op);
	if (verdict != OP_MORE)
		return verdict;
	op->rotation.client_id = op->in.client_id;
	op->rotation.revoke_tokens = op->in.revoke_tokens;
	op->rotation.end = *until;
	op->rotation.idempotency_key = op->in.idempotency_key;
	memcpy(op->rotation.bearer_hash, op->bearer_hash, SHA256_LEN);
	struct str text = meant(op);
	enum err err = text.p == NULL ? ERR_NO_MEMORY : sha256(text.p, text.n, op->rotation.request_hash);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

static void answer(struct op *op, const struct credential *c)
{
	int64_t rotated_us = c->created_us, previous_expires_us = c->previous_expires_us;
	op->out.client_id = op->fresh.client_id;
	op->out.client_secret = str_from(op->secret, sizeof op->secret);
	op->out.rotated_us = rotated_us;
	op->out.expires_us = c->expires_us;
	op->out.previous_unused_for = op->rotation.unused_for;
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
			answer(op, c);
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
		answer(op, c);
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
