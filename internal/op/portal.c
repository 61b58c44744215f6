/* Links and sessions of the portal; portal.h tells the way. Making a link: authenticate -> the
 * organization, of a platform -> check what was written -> one statement. Opening a session: one
 * statement, which takes the link. */
#include "op/portal.h"

#include "base/clock.h"
#include "op/console.h"
#include "op/op_steps.h"

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

static enum op_verdict authenticate(struct op *op)
{
	if (op->portal == NULL || op->portal->token.p == NULL)
		return op_fail(op, ERR_MISSING_TOKEN, "There is no portal session.");
	return op_authenticate_session(op);
}

/* ---- a link ---- */

/* Rights beyond its maker's are refused: an admin may change no client's credentials, an operator
 * may lack some, and who comes by a portal link makes none. */
static enum op_verdict check_maker(struct op *op)
{
	const char *lacks = op_console_lacks(op, op->portal->link.may);
	if (lacks != NULL)
		return op_fail(op, ERR_FORBIDDEN, lacks);
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
		op_portal_keep(op, answer);
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
		op_portal_keep(op, answer);
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
