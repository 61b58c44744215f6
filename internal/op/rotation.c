/* What becomes of the secrets that rotations replaced, as long as they are in their grace:
 * authenticate -> another end for them, where that is asked for, recorded -> one statement, which
 * tells which there are and who uses them -> its rows, copied into the op. */
#include "op/op_steps.h"

static void copy_users(struct arena *a, struct secret_in_grace *s)
{
	struct secret_user *users = arena_alloc(a, s->users_n * sizeof *users);
	for (size_t i = 0; users != NULL && i < s->users_n; i++) {
		users[i] = s->users[i];
		users[i].remote_addr = arena_copy(a, users[i].remote_addr);
		users[i].user_agent = arena_copy(a, users[i].user_agent);
	}
	s->users = users;
	s->hint = arena_copy(a, s->hint);
}

static void take_list(void *arg, enum err err, const struct grace_list *list)
{
	struct op *op = arg;
	struct secret_in_grace *secrets = err == ERR_OK ? arena_alloc(op->arena, list->n * sizeof *secrets) : NULL;
	for (size_t i = 0; secrets != NULL && i < list->n; i++) {
		secrets[i] = list->secrets[i];
		copy_users(op->arena, &secrets[i]);
	}
	if (secrets != NULL) {
		op->out.client_id = arena_copy(op->arena, list->client_id);
		op->out.secrets_in_grace = secrets;
		op->out.rows = list->n;
		op->organization_id = list->organization_id;
	}
	if (err == ERR_OK && arena_overflowed(op->arena))
		err = ERR_NO_MEMORY;
	op_resume(op, err);
}

static enum op_verdict read_list(struct op *op)
{
	enum err err = rotation_read(op->env->store, &op->caller, op->in.client_id, take_list, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

static void changed(void *arg, enum err err, const struct grace_list *list)
{
	struct op *op = arg;
	if (err == ERR_OK) {
		op->completed = true;
		/* whoever did it reads what came of it, also when its own secret was ended */
		op->in.client_id = arena_copy(op->arena, list->client_id);
		op->caller = (struct bearer){.organization_id = list->organization_id, .admin = true, .anywhere = true};
	}
	if (err == ERR_CONFLICT)
		op->err_detail = "No such secret is in its grace.";
	else if (err == ERR_INVALID_REQUEST)
		op->err_detail = "The end must be a later one than the secret has, at most 90 days after it was replaced, and no "
				 "later than its organization's longest age of secrets allows.";
	op_resume(op, err);
}

static enum op_verdict change(struct op *op)
{
	op->grace_change = (struct grace_change){
		.cancel = op->spec->id == OP_CANCEL_ROTATION || op->spec->id == OP_CANCEL_CLIENT_ROTATION,
		.version = op->in.secret_version,
		.seconds = op->in.grace_seconds,
	};
	if (!op->grace_change.cancel && op->in.grace_seconds == 0)
		return op_fail(op, ERR_INVALID_REQUEST, "grace_seconds is missing.");
	enum err err = rotation_change(op->env->store, &op->caller, &op->origin, op->in.client_id, &op->grace_change, changed, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

#define PLATFORM op_authenticate, op_require_platform, op_act_for_organization

op_step *const op_get_rotation_steps[] = {op_authenticate, read_list, NULL};
op_step *const op_change_rotation_steps[] = {op_authenticate, change, read_list, NULL};
op_step *const op_get_client_rotation_steps[] = {PLATFORM, read_list, NULL};
op_step *const op_change_client_rotation_steps[] = {PLATFORM, change, read_list, NULL};
