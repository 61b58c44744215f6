/* Reading the client id and the client secret of the bearer's organization, or of a client that
 * the platform names. */
#include "op/op_steps.h"

static void client_id_read(void *arg, enum err err, const struct credential *c)
{
	struct op *op = arg;
	if (err == ERR_OK)
		op->out.client_id = arena_copy(op->arena, c->client_id);
	op_resume(op, err);
}

static enum op_verdict read_client_id(struct op *op)
{
	enum err err = credential_read_client_id(op->env->store, &op->caller, client_id_read, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* The act is recorded by now; what is derived must be what the database verifies, or nothing is
 * answered. */
static void secret_read(void *arg, enum err err, const struct credential *c)
{
	struct op *op = arg;
	if (err == ERR_OK)
		err = op_derive_secret(op, c);
	if (err == ERR_OK) {
		op->out.client_id = arena_copy(op->arena, c->client_id);
		op->out.client_secret = str_from(op->secret, sizeof op->secret);
		op->out.version = c->params.version;
		op->out.created_us = c->created_us;
		op->out.expires_us = c->expires_us;
		op->organization_id = c->params.organization_id;
	}
	op_resume(op, err);
}

static enum op_verdict read_secret(struct op *op)
{
	enum err err = credential_read_secret(op->env->store, &op->caller, &op->origin, op->in.client_id, secret_read, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_get_client_id_steps[] = {op_authenticate, read_client_id, NULL};
op_step *const op_get_client_secret_steps[] = {op_authenticate, read_secret, NULL};
op_step *const op_read_client_secret_steps[] = {op_authenticate, op_require_platform, op_act_for_organization, read_secret, NULL};
