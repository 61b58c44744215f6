/* The readable secret of which only a verifier is stored. */
#include "op/op_steps.h"

enum err op_derive_secret(struct op *op, const struct credential *c)
{
	arena_wipe_on_free(op->arena);
	enum err err = credential_derive(&op->env->config->ring, c->key_id, &c->params, c->verifier, op->secret);
	/* a mismatch: the row was changed by hand, or restored from another database */
	return err == ERR_MISMATCH ? ERR_INTERNAL : err;
}
