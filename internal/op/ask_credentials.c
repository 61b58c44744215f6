#include "op/ask_credentials.h"

#include "op/client_key_memo.h"

/* How many questions for keys may wait at once: strangers may ask for as many as they like, and
 * reads and rotations share the connection. A gateway that has just started asks once for each of
 * its clients. */
#define ASKING_MAX 256

static void keys_found(void *arg, enum err err, const struct client_jwk *keys, size_t n)
{
	struct op *op = arg;
	op->env->asking_for_keys--;
	/* of a client without keys nothing is remembered: strangers would fill the memo */
	if (err == ERR_OK && n > 0 && client_key_memo_put(op->env->client_keys, op->in.client_id, keys, n) == NULL)
		err = ERR_NO_MEMORY;
	op->asked_credentials = true;
	op->step--; /* the step that asks, once more */
	op_resume(op, err);
}

enum op_verdict op_ask_for_credentials(struct op *op)
{
	if (op->env->asking_for_keys >= ASKING_MAX)
		return op_fail(op, ERR_OVERLOADED, NULL);
	enum err err = client_jwks_find(op->env->store, op->in.client_id, keys_found, op);
	if (err != ERR_OK)
		return op_fail(op, err, NULL);
	op->env->asking_for_keys++;
	return OP_WAIT;
}
