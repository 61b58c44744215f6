/* The platform's API: a platform's own backend registers, lists and removes clients' public keys.
 * authenticate -> the platform's role -> read the key -> one statement, which records the act ->
 * its rows, copied into the op. */
#include "base/clock.h"
#include "op/op_steps.h"

/* ---- rows out of the store ---- */

static void copy_key(struct arena *a, const struct registered_key *from, struct registered_key *to)
{
	*to = *from;
	to->client_id = arena_copy(a, from->client_id);
	to->credential_id = arena_copy(a, from->credential_id);
	to->name = arena_copy(a, from->name);
	to->public_jwk = arena_copy(a, from->public_jwk);
	to->kty = arena_copy(a, from->kty);
	to->alg = arena_copy(a, from->alg);
}

static void take_keys(void *arg, enum err err, const struct registered_key *keys, size_t n)
{
	struct op *op = arg;
	struct registered_key *kept = err == ERR_OK ? arena_alloc(op->arena, (n + 1) * sizeof *kept) : NULL;
	for (size_t i = 0; kept != NULL && i < n; i++)
		copy_key(op->arena, &keys[i], &kept[i]);
	if (kept != NULL) {
		op->out.keys = kept;
		op->out.rows = n;
		if (n > 0)
			op->organization_id = kept[0].organization_id;
	}
	if (err == ERR_ALREADY_EXISTS)
		op->err_detail = "The client has this key already.";
	op_resume(op, err);
}

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

/* ---- the operations ---- */

static enum op_verdict list_keys(struct op *op)
{
	return wait_for(op, admin_key_list(op->env->store, op->in.organization, op->in.client_id, take_keys, op));
}

static enum op_verdict read_key(struct op *op)
{
	const struct op_new_key *given = &op->in.new_key;
	const char *why = NULL;
	if (!str_eq(given->kind, STR("key")))
		return op_fail(op, ERR_INVALID_REQUEST, "kind must be key.");
	if (given->text.p == NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "public_key must be a JWK, or a public key or certificate in PEM.");
	enum err err = key_spec_read(op->arena, given->text, given->name, given->expires_at, clock_wall_us(), &op->key_spec, &why);
	if (err == ERR_MALFORMED)
		return op_fail(op, ERR_INVALID_REQUEST, why);
	return err == ERR_OK ? OP_MORE : op_fail(op, err, NULL);
}

static enum op_verdict add_key(struct op *op)
{
	return wait_for(op,
			admin_key_add(op->env->store, &op->origin, op->in.organization, op->in.client_id, &op->key_spec, take_keys, op));
}

static enum op_verdict remove_key(struct op *op)
{
	return wait_for(op, admin_key_remove(op->env->store, &op->origin, op->in.organization, op->in.client_id, op->in.credential_id,
					     take_keys, op));
}

#define PLATFORM op_authenticate, op_require_platform

op_step *const op_list_credentials_steps[] = {PLATFORM, list_keys, NULL};
op_step *const op_add_credential_steps[] = {PLATFORM, read_key, add_key, NULL};
op_step *const op_remove_credential_steps[] = {PLATFORM, remove_key, NULL};
