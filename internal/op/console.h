/* Console sessions: how an operator, who has m2mctl, comes to the pages and acts in them.
 *
 *   m2mctl console -> a link, good once and for minutes -> the browser shows its code -> a session
 *   -> op_authenticate_console stands in op_authenticate's place
 *
 * A session acts as the platform and as an operator, as far as its rights go. Nothing of it is
 * remembered: each request asks PostgreSQL for it, and each act holds it live until it has
 * committed (origin.by). A token of m2mctl's with the role operator has all rights, and is asked
 * for and held in the same way. */
#ifndef M2M_OP_CONSOLE_H
#define M2M_OP_CONSOLE_H

#include "op/op.h"
#include "store/console.h"

/* One thing that a gateway is looked at for. */
enum health_state { HEALTH_OK, HEALTH_WARNING, HEALTH_FAILING };
struct health_check {
	const char *name;
	enum health_state state;
	struct str detail; /* a sentence */
};
#define HEALTH_CHECKS 11

/* Of an op that has to do with the console. Strings are in the op's arena. */
struct op_console {
	struct str code;  /* that is shown */
	struct str token; /* of the session that asks; absent: it isn't one */
	struct uuid made_id;
	struct portal_secret made; /* the token that is given away */
	unsigned may;
	/* of what operators alone ask; in the op's arena */
	struct operator_answer shown;
	struct made_key made_key;
	struct health_check checks[HEALTH_CHECKS];
	size_t checks_n;
	const struct console_session *sessions; /* one, or a list of out.rows; NULL: none is known */
};

/* op->console, made when it is asked for the first time. NULL: out of memory, and the op has
 * failed. The op's memory is wiped at its end. */
struct op_console *op_console_of(struct op *op);

/* The answer's sessions into the op. */
void op_console_keep(struct op *op, const struct console_answer *answer);

/* The right that an operator must have for the operation; 0: none opens it. */
unsigned op_console_right(enum op_id id);

/* The caller is the session of console->token. */
op_step op_authenticate_console;
/* op->by is an operator's token whose signature is good. */
op_step op_authenticate_operator;

/* A portal link gives no more than its maker has: the first right of `may` that an operator lacks;
 * NULL: it has them all. */
const char *op_console_lacks(const struct op *op, unsigned portal_may);

/* From what PostgreSQL has told (console->shown's health and wanted) and what the gateway sees
 * itself. */
void op_check_health(struct op *op);

#endif
