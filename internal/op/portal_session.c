/* A portal session as the caller of what it may do; portal.h tells the way. */
#include "op/portal.h"

#include <string.h>

#include "op/op_steps.h"

struct op_portal *op_portal_of(struct op *op)
{
	if (op->portal == NULL) {
		op->portal = arena_alloc(op->arena, sizeof *op->portal);
		arena_wipe_on_free(op->arena);
	}
	if (op->portal == NULL)
		op_fail(op, ERR_NO_MEMORY, NULL);
	return op->portal;
}

/* ---- rows out of the store ---- */

static void copy_session(struct arena *a, const struct portal_session *from, struct portal_session *to)
{
	*to = *from;
	to->slug = arena_copy(a, from->slug);
	to->name = arena_copy(a, from->name);
	to->actor = arena_copy(a, from->actor);
	to->return_url = arena_copy(a, from->return_url);
}

void op_portal_keep(struct op *op, const struct portal_answer *answer)
{
	struct portal_session *kept = arena_alloc(op->arena, (answer->n + 1) * sizeof *kept);
	for (size_t i = 0; kept != NULL && i < answer->n; i++)
		copy_session(op->arena, &answer->sessions[i], &kept[i]);
	op->portal->sessions = kept;
	op->out.rows = answer->n;
	if (kept != NULL && answer->n > 0)
		op->organization_id = kept[0].organization_id;
}

/* ---- a session as a caller ---- */

unsigned op_portal_right(enum op_id id)
{
	switch (id) {
	case OP_GET_PORTAL_SESSION:
	case OP_CLOSE_PORTAL_SESSION:
	case OP_GET_CLIENT_ID:
	case OP_LIST_SECRETS:
	case OP_GET_ROTATION:
	case OP_LIST_CLIENTS:
	case OP_GET_CLIENT:
	case OP_GET_CLIENT_ROTATION:
	case OP_LIST_CREDENTIALS:
	case OP_GET_CREDENTIAL:
		return PORTAL_READ;
	case OP_GET_CLIENT_SECRET:
	case OP_READ_CLIENT_SECRET:
		return PORTAL_REVEAL;
	case OP_ROTATE_SECRET:
	case OP_PROLONG_ROTATION:
	case OP_CANCEL_ROTATION:
	case OP_ROTATE_CLIENT:
	case OP_PROLONG_CLIENT_ROTATION:
	case OP_CANCEL_CLIENT_ROTATION:
		return PORTAL_ROTATE;
	case OP_ADD_CREDENTIAL:
	case OP_REMOVE_CREDENTIAL:
		return PORTAL_CLIENTS;
	case OP_LIST_TOKEN_AUDIT:
	case OP_LIST_ACTS:
	case OP_SUM_TOKENS:
		return PORTAL_AUDIT;
	default:
		return 0;
	}
}

/* The path may name the session's own organization alone. From here on it is named by its id, which
 * no other organization ever has. */
static bool is_its_organization(struct op *op, const struct portal_session *s)
{
	struct uuid id;
	char text[UUID_TEXT_LEN];
	struct str named = op->in.organization;
	if (named.p == NULL)
		return true;
	if (!str_eq(named, s->slug) && (uuid_parse(named, &id) != ERR_OK || memcmp(&id, &s->organization_id, sizeof id) != 0))
		return false;
	uuid_format(s->organization_id, text);
	op->in.organization = arena_copy(op->arena, str_from(text, sizeof text));
	return true;
}

/* What changes or reveals something asks again, in the statement that records it: whether the
 * session is live and near, and has the right. */
static bool act_decides(const struct op *op)
{
	return (op_portal_right(op->spec->id) & (PORTAL_REVEAL | PORTAL_ROTATE | PORTAL_CLIENTS)) != 0;
}

static void set_caller(struct op *op, const struct portal_session *s)
{
	struct str right[PORTAL_RIGHTS] = {STR_NONE};
	portal_right_words(op_portal_right(op->spec->id), right);
	op->caller = (struct bearer){.organization_id = s->organization_id, .remote_addr = op->origin.remote_addr};
	op->caller.session = str_from(op->bearer_hash, SHA256_LEN);
	op->caller.session_right = right[0];
	op->caller_known = true;
	op->origin.actor = arena_printf(op->arena, "portal:%.*s", STR_ARG(s->actor));
}

/* Rights never change, so a reading may be refused for the row that was just read. */
static enum err admit(struct op *op, const struct portal_session *s)
{
	unsigned right = op_portal_right(op->spec->id);
	if (right == 0 || (!act_decides(op) && (s->may & right) == 0)) {
		op->err_detail = "The portal session may not do this.";
		return ERR_FORBIDDEN;
	}
	if (!is_its_organization(op, s)) {
		op->err_detail = "The portal session is of another organization.";
		return ERR_FORBIDDEN;
	}
	return ERR_OK;
}

static void session_used(void *arg, enum err err, const struct portal_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_INVALID_TOKEN)
		op->err_detail = "There is no such portal session, or it has ended.";
	if (err == ERR_OK) {
		op_portal_keep(op, answer);
		err = arena_overflowed(op->arena) ? ERR_NO_MEMORY : ERR_OK;
	}
	if (err == ERR_OK) {
		set_caller(op, &op->portal->sessions[0]);
		err = admit(op, &op->portal->sessions[0]);
	}
	op_resume(op, err);
}

enum op_verdict op_authenticate_session(struct op *op)
{
	enum err err = portal_secret_hash(op->portal->token, op->bearer_hash);
	if (err == ERR_MALFORMED)
		return op_fail(op, ERR_INVALID_TOKEN, "There is no such portal session, or it has ended.");
	if (err == ERR_OK)
		err = portal_use(op->env->store, op->bearer_hash, op->origin.remote_addr, act_decides(op), session_used, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}
