/* What a new client gets, and every new secret: made here, kept by the store. */
#include "op/op_steps.h"

#define DEFAULT_LIFETIME 86400

void op_default_client(struct op *op, struct client_spec *ret)
{
	static const struct str admin = {"admin", 5};
	const struct config *config = op->env->config;
	/* as the reference says, an M2M token opens all four routes: so the default client is an
	 * admin */
	*ret = (struct client_spec){
		.roles = {&admin, 1},
		.scopes = {&config->default_scope, 1},
		.audiences = {&config->default_audience, 1},
		.token_lifetime = DEFAULT_LIFETIME,
	};
}

/* ring.keys[0] is the active master key: every new version is made under it. */
enum err op_fresh_secret(struct op *op, struct secret_params *params)
{
	arena_wipe_on_free(op->arena);
	enum err err = credential_make(&op->env->config->ring.keys[0], params, &op->fresh.kept, op->secret);
	if (err != ERR_OK)
		return err;
	op->fresh.replaces = params->version - 1;
	op->out.version = params->version;
	return ERR_OK;
}

enum err op_make_credential(struct op *op, const struct uuid *organization_id)
{
	struct secret_params params = {.organization_id = *organization_id, .version = 1};
	char client_id[CLIENT_ID_LEN];
	enum err err = client_id_make(client_id);
	if (err != ERR_OK)
		return err;
	params.client_id = arena_copy(op->arena, str_from(client_id, sizeof client_id));
	if (params.client_id.p == NULL)
		return ERR_NO_MEMORY;
	err = op_fresh_secret(op, &params);
	if (err == ERR_OK)
		op->fresh.client_id = params.client_id;
	return err;
}
