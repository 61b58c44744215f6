/* Console sessions; console.h tells the way. Opening one: one statement, which takes the link. */
#include "op/console.h"

#include "base/clock.h"
#include "op/admin_input.h"
#include "op/op_steps.h"
#include "op/portal.h"

static enum op_verdict wait_for(struct op *op, enum err err)
{
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

static enum op_verdict authenticate(struct op *op)
{
	if (op->console == NULL || op->console->token.p == NULL)
		return op_fail(op, ERR_MISSING_TOKEN, "There is no console session.");
	return op_authenticate_console(op);
}

enum op_verdict op_require_operator(struct op *op)
{
	return op->operates ? OP_MORE : op_fail(op, ERR_FORBIDDEN, "This operation needs a console session, or an operator's token.");
}

/* ---- its beginning ---- */

static void session_opened(void *arg, enum err err, const struct console_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_INVALID_TOKEN)
		op->err_detail = "The link was used, has expired, or never was.";
	if (err == ERR_OK)
		op_console_keep(op, answer);
	op_resume(op, err);
}

static enum op_verdict open_session(struct op *op)
{
	uint8_t code[SHA256_LEN];
	enum err err = op->console == NULL ? ERR_MALFORMED : portal_secret_hash(op->console->code, code);
	if (err == ERR_MALFORMED)
		return op_fail(op, ERR_INVALID_TOKEN, "The link was used, has expired, or never was.");
	if (err == ERR_OK)
		err = portal_secret_make(&op->console->made);
	op->console->made_id = uuid_v7(clock_wall_us());
	if (err == ERR_OK)
		err = console_open(op->env->store, &op->origin, code, &op->console->made_id, op->console->made.hash, session_opened, op);
	return wait_for(op, err);
}

/* ---- all that are live, of the portal or of the console ---- */

#define PORTAL_PLACE  'p'
#define CONSOLE_PLACE 'c'

static void portal_listed(void *arg, enum err err, const struct portal_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK && op_portal_of(op) != NULL)
		op_portal_keep(op, answer);
	if (err == ERR_OK && op->portal != NULL && answer->n > (size_t)op->in.page_size) {
		const struct portal_session *last = &answer->sessions[op->in.page_size - 1];
		op->out.rows = (size_t)op->in.page_size;
		admin_put_place(op, PORTAL_PLACE, last->expires_at, last->session_id, 0);
	}
	op->organization_id = (struct uuid){0};
	op_resume(op, err);
}

static void console_listed(void *arg, enum err err, const struct console_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_OK) {
		op_console_keep(op, answer);
		if (answer->more)
			admin_put_place(op, CONSOLE_PLACE, answer->sessions[answer->n - 1].expires_at,
					answer->sessions[answer->n - 1].session_id, 0);
	}
	op_resume(op, err);
}

static enum op_verdict list_sessions(struct op *op)
{
	bool console = op->in.kind.p != NULL && str_eq(op->in.kind, STR("console"));
	struct portal_session before = {.expires_at = 0};
	uint32_t ignored;
	if (op->in.kind.p != NULL && !console && !str_eq(op->in.kind, STR("portal")))
		return op_fail(op, ERR_INVALID_REQUEST, "kind must be portal or console.");
	if (console && !op->operates)
		return op_require_operator(op);
	enum op_verdict verdict =
		admin_read_place(op, console ? CONSOLE_PLACE : PORTAL_PLACE, &before.expires_at, &before.session_id, &ignored);
	if (verdict != OP_MORE)
		return verdict;
	if (!console)
		return wait_for(
			op, portal_list_all(op->env->store, op->in.page_size, before.expires_at == 0 ? NULL : &before, portal_listed, op));
	const struct console_session after = {.expires_at = before.expires_at, .session_id = before.session_id};
	return wait_for(op, console_list(op->env->store, op->in.page_size, before.expires_at == 0 ? NULL : &after, console_listed, op));
}

/* ---- its end ---- */

static void session_ended(void *arg, enum err err, const struct console_answer *answer)
{
	(void)answer;
	op_resume(arg, err);
}

static enum op_verdict close_session(struct op *op)
{
	return wait_for(op, console_end(op->env->store, &op->origin, &op->console->sessions[0].session_id, session_ended, op));
}

static enum op_verdict end_session(struct op *op)
{
	struct uuid *id = op->portal == NULL ? NULL : &op->portal->session_uuid;
	if (id == NULL || uuid_parse(op->portal->session_id, id) != ERR_OK)
		return op_fail(op, ERR_NOT_FOUND, "There is no such console session.");
	return wait_for(op, console_end(op->env->store, &op->origin, id, session_ended, op));
}

op_step *const op_open_console_session_steps[] = {open_session, NULL};
op_step *const op_get_console_session_steps[] = {authenticate, NULL};
op_step *const op_close_console_session_steps[] = {authenticate, close_session, NULL};
op_step *const op_end_console_session_steps[] = {op_authenticate, op_require_operator, end_session, NULL};
op_step *const op_list_sessions_steps[] = {op_authenticate, op_require_platform, list_sessions, NULL};
