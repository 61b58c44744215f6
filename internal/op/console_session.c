/* A console session, or an operator's token, as the caller of what it may do; console.h tells the
 * way. */
#include "op/console.h"

#include <string.h>

#include "op/op_steps.h"

struct op_console *op_console_of(struct op *op)
{
	if (op->console == NULL) {
		op->console = arena_alloc(op->arena, sizeof *op->console);
		arena_wipe_on_free(op->arena);
	}
	if (op->console == NULL)
		op_fail(op, ERR_NO_MEMORY, NULL);
	return op->console;
}

void op_console_keep(struct op *op, const struct console_answer *answer)
{
	struct console_session *kept = arena_alloc(op->arena, (answer->n + 1) * sizeof *kept);
	for (size_t i = 0; kept != NULL && i < answer->n; i++) {
		kept[i] = answer->sessions[i];
		kept[i].actor = arena_copy(op->arena, answer->sessions[i].actor);
	}
	op->console->sessions = kept;
	op->out.rows = answer->n;
}

unsigned op_console_right(enum op_id id)
{
	switch (id) {
	case OP_GET_CONSOLE_SESSION:
	case OP_CLOSE_CONSOLE_SESSION:
	case OP_LIST_ORGANIZATIONS:
	case OP_GET_ORGANIZATION:
	case OP_LIST_CLIENTS:
	case OP_GET_CLIENT:
	case OP_GET_CLIENT_ROTATION:
	case OP_LIST_CREDENTIALS:
	case OP_GET_CREDENTIAL:
	case OP_LIST_PORTAL_SESSIONS:
	case OP_LIST_ALL_CLIENTS:
	case OP_LIST_SESSIONS:
	case OP_LIST_SIGNING_KEYS:
	case OP_LIST_MASTER_KEYS:
	case OP_GET_HEALTH:
		return CONSOLE_READ;
	case OP_CREATE_ORGANIZATION:
	case OP_UPDATE_ORGANIZATION:
	case OP_DELETE_ORGANIZATION:
	case OP_CREATE_PORTAL_LINK:
	case OP_END_PORTAL_SESSION:
	case OP_END_CONSOLE_SESSION:
		return CONSOLE_ORGANIZATIONS;
	case OP_CREATE_CLIENT:
	case OP_UPDATE_CLIENT:
	case OP_DELETE_CLIENT:
	case OP_ROTATE_CLIENT:
	case OP_PROLONG_CLIENT_ROTATION:
	case OP_CANCEL_CLIENT_ROTATION:
	case OP_ADD_CREDENTIAL:
	case OP_REMOVE_CREDENTIAL:
		return CONSOLE_CLIENTS;
	case OP_READ_CLIENT_SECRET:
		return CONSOLE_REVEAL;
	case OP_ROTATE_SIGNING_KEY:
	case OP_REVOKE_SIGNING_KEY:
		return CONSOLE_KEYS;
	case OP_LIST_ALL_ACTS:
	case OP_LIST_ALL_TOKEN_AUDIT:
	case OP_LIST_DENIED_AUDIT:
		return CONSOLE_AUDIT;
	default:
		return 0;
	}
}

const char *op_console_lacks(const struct op *op, unsigned portal_may)
{
	static const struct {
		unsigned portal, console;
		const char *sentence;
	} needs[] = {
		{PORTAL_REVEAL, CONSOLE_REVEAL, "A link with reveal needs the right reveal."},
		{PORTAL_ROTATE, CONSOLE_CLIENTS, "A link with rotate needs the right clients."},
		{PORTAL_CLIENTS, CONSOLE_CLIENTS, "A link with clients needs the right clients."},
		{PORTAL_AUDIT, CONSOLE_AUDIT, "A link with audit needs the right audit."},
	};
	for (size_t i = 0; op->operates && i < sizeof needs / sizeof *needs; i++)
		if ((portal_may & needs[i].portal) != 0 && (op->console->may & needs[i].console) == 0)
			return needs[i].sentence;
	return NULL;
}

/* ---- the caller ---- */

static void set_caller(struct op *op, const struct console_session *s)
{
	op->console->may = s->may;
	op->operates = op->platform = op->caller_known = true;
	op->origin.by = &op->by;
	if (op->by.is_session)
		op->origin.actor = arena_printf(op->arena, "console:%.*s", STR_ARG(s->actor));
}

/* Of a token the operation's callers say what it opens. */
static enum err admit(struct op *op, const struct console_session *s)
{
	if (op->by.is_session && (s->may & op_console_right(op->spec->id)) == 0) {
		op->err_detail = "The console session may not do this.";
		return ERR_FORBIDDEN;
	}
	return ERR_OK;
}

static void used(void *arg, enum err err, const struct console_answer *answer)
{
	struct op *op = arg;
	if (err == ERR_INVALID_TOKEN)
		op->err_detail =
			op->by.is_session ? "There is no such console session, or it has ended." : "The operator's token has ended.";
	if (err == ERR_OK) {
		op_console_keep(op, answer);
		err = arena_overflowed(op->arena) ? ERR_NO_MEMORY : ERR_OK;
	}
	if (err == ERR_OK) {
		set_caller(op, &op->console->sessions[0]);
		err = admit(op, &op->console->sessions[0]);
	}
	op_resume(op, err);
}

static enum op_verdict use(struct op *op, enum err err)
{
	if (err == ERR_OK)
		err = console_use(op->env->store, &op->by, used, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

enum op_verdict op_authenticate_console(struct op *op)
{
	op->by.is_session = true;
	enum err err = portal_secret_hash(op->console->token, op->by.token_hash);
	if (err == ERR_MALFORMED)
		return op_fail(op, ERR_INVALID_TOKEN, "There is no such console session, or it has ended.");
	return use(op, err);
}

enum op_verdict op_authenticate_operator(struct op *op)
{
	memcpy(op->by.token_hash, op->bearer_hash, SHA256_LEN);
	return op_console_of(op) == NULL ? OP_DONE : use(op, ERR_OK);
}
