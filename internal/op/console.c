/* Console sessions; console.h tells the way. Opening one: one statement, which takes the link. */
#include "op/console.h"

#include "base/clock.h"
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
