/* Links and sessions of the portal; portal.h tells the way. Making a link: authenticate -> the
 * organization, of a platform -> check what was written -> one statement. Opening a session: one
 * statement, which takes the link. */
#include "op/portal.h"

#include <string.h>

#include "base/clock.h"
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

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
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

static void keep_sessions(struct op *op, const struct portal_answer *answer)
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
		return PORTAL_AUDIT;
	default:
		return 0;
	}
}

bool op_is_session(const struct op *op)
{
	return op->caller_known && op->portal != NULL && op->portal->token.p != NULL;
}

/* The path may name the session's own organization alone. */
static bool is_its_organization(const struct op *op, const struct portal_session *s)
{
	struct uuid id;
	struct str named = op->in.organization;
	if (named.p == NULL || str_eq(named, s->slug))
		return true;
	return uuid_parse(named, &id) == ERR_OK && memcmp(&id, &s->organization_id, sizeof id) == 0;
}

static void set_caller(struct op *op, const struct portal_session *s)
{
	op->caller = (struct bearer){.organization_id = s->organization_id, .admin = true, .anywhere = true};
	op->caller_known = true;
	op->origin.actor = arena_printf(op->arena, "portal:%.*s", STR_ARG(s->actor));
}

static enum err admit(struct op *op, const struct portal_session *s)
{
	if ((s->may & op_portal_right(op->spec->id)) == 0) {
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
		keep_sessions(op, answer);
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
		err = portal_use(op->env->store, op->bearer_hash, session_used, op);
	return wait_for(op, err);
}

static enum op_verdict authenticate(struct op *op)
{
	if (op->portal == NULL || op->portal->token.p == NULL)
		return op_fail(op, ERR_MISSING_TOKEN, "There is no portal session.");
	return op_authenticate_session(op);
}

/* ---- a link ---- */

/* Rights beyond its maker's are refused: an admin may change no client's credentials, and who comes
 * by a link makes none. */
static enum op_verdict check_maker(struct op *op)
{
	if (op->platform)
		return op_act_for_organization(op);
	return op_is_session(op) ? op_fail(op, ERR_FORBIDDEN, NULL) : OP_MORE;
}

static enum op_verdict check_link(struct op *op)
{
	const char *fault = op_portal_of(op) == NULL ? "" : portal_link_complete(&op->portal->link);
	if (op->portal == NULL)
		return OP_DONE;
	return fault == NULL ? OP_MORE : op_fail(op, ERR_INVALID_REQUEST, fault);
}

static void link_made(void *arg, enum err err, const struct portal_answer *answer)
{
	struct op *op = arg;
	struct str public_url = op->env->config->public_url;
	if (err == ERR_OK) {
		op->organization_id = answer->organization_id;
		op->portal->expires_at = answer->expires_at;
		op->portal->url =
			arena_printf(op->arena, "%.*s/portal#%.*s", STR_ARG(public_url), PORTAL_SECRET_LEN, op->portal->made.text);
	}
	op_resume(op, err);
}

static enum op_verdict make_link(struct op *op)
{
	op->portal->made_id = uuid_v7(clock_wall_us());
	enum err err = portal_secret_make(&op->portal->made);
	if (err == ERR_OK)
		err = portal_link_make(op->env->store, &op->caller, &op->origin, op->in.organization, &op->portal->made_id,
				       op->portal->made.hash, &op->portal->link, op->platform, link_made, op);
	return wait_for(op, err);
}

/* ---- its code, a session ---- */

static void session_opened(void *arg, enum err err, const struct portal_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_INVALID_TOKEN)
		op->err_detail = "The link was used, has expired, or never was.";
	if (err == ERR_OK)
		keep_sessions(op, answer);
	op_resume(op, err);
}

static enum op_verdict open_session(struct op *op)
{
	uint8_t code[SHA256_LEN];
	enum err err = op->portal == NULL ? ERR_MALFORMED : portal_secret_hash(op->portal->code, code);
	if (err == ERR_MALFORMED)
		return op_fail(op, ERR_INVALID_TOKEN, "The link was used, has expired, or never was.");
	if (err == ERR_OK)
		err = portal_secret_make(&op->portal->made);
	op->portal->made_id = uuid_v7(clock_wall_us());
	if (err == ERR_OK)
		err = portal_open(op->env->store, &op->origin, code, &op->portal->made_id, op->portal->made.hash, session_opened, op);
	return wait_for(op, err);
}

/* ---- its end ---- */

static void session_ended(void *arg, enum err err, const struct portal_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK)
		op->organization_id = answer->organization_id;
	op_resume(op, err);
}

static enum op_verdict close_session(struct op *op)
{
	return wait_for(op, portal_end(op->env->store, &op->origin, STR_NONE, NULL, op->bearer_hash, session_ended, op));
}

static void sessions_listed(void *arg, enum err err, const struct portal_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK)
		keep_sessions(op, answer);
	op_resume(op, err);
}

static enum op_verdict list_sessions(struct op *op)
{
	if (op_portal_of(op) == NULL)
		return OP_DONE;
	return wait_for(op, portal_list(op->env->store, op->in.organization, sessions_listed, op));
}

static enum op_verdict end_session(struct op *op)
{
	if (op->portal == NULL || uuid_parse(op->portal->session_id, &op->portal->session_uuid) != ERR_OK)
		return op_fail(op, ERR_NOT_FOUND, "There is no such portal session.");
	return wait_for(op,
			portal_end(op->env->store, &op->origin, op->in.organization, &op->portal->session_uuid, NULL, session_ended, op));
}

op_step *const op_create_portal_link_steps[] = {op_authenticate, check_link, check_maker, make_link, NULL};
op_step *const op_list_portal_sessions_steps[] = {op_authenticate, op_require_platform, list_sessions, NULL};
op_step *const op_end_portal_session_steps[] = {op_authenticate, op_require_platform, end_session, NULL};
op_step *const op_open_portal_session_steps[] = {open_session, NULL};
op_step *const op_get_portal_session_steps[] = {authenticate, NULL};
op_step *const op_close_portal_session_steps[] = {authenticate, close_session, NULL};
