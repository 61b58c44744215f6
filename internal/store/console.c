#include "store/console.h"

#include "store/store_parts.h"

#define ANSWER_MAX (1 << 18)

struct call {
	int32_t limit; /* 0: one row */
	console_done *done;
	void *arg;
};

static void sessions_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct console_answer answer = {.n = 0};
	if (err != ERR_OK) {
		call->done(call->arg, store_act_err(err), NULL);
		return;
	}
	struct arena *a = arena_new(ANSWER_MAX);
	err = a == NULL ? ERR_NO_MEMORY : console_take_sessions(r, a, &answer.sessions, &answer.n);
	if (call->limit > 0 && answer.n > (size_t)call->limit) {
		answer.n = (size_t)call->limit;
		answer.more = true;
	}
	if (err == ERR_OK && call->limit == 0 && answer.n != 1)
		err = ERR_INTERNAL;
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
	arena_free(a);
}

static void end_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	const struct console_answer answer = {.n = 0};
	err = store_outcome(err, r);
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
}

enum err console_open(struct store *s, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		      const uint8_t token_hash[SHA256_LEN], console_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	console_put_open(&p, origin, code_hash, session_id, token_hash);
	return store_submit(s, STMT_CONSOLE_OPEN, true, &p, sessions_answered, &call, sizeof call);
}

enum err console_use(struct store *s, const struct operator_proof *by, console_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	console_put_proof(&p, by);
	return store_submit(s, STMT_CONSOLE_USE, true, &p, sessions_answered, &call, sizeof call);
}

enum err console_list(struct store *s, int32_t limit, const struct console_session *after, console_done *done, void *arg)
{
	const struct call call = {.limit = limit, .done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	pg_put_int8(&p, (int64_t)limit + 1);
	pg_put_time(&p, after == NULL ? 0 : after->expires_at);
	pg_put_uuid(&p, after == NULL ? NULL : &after->session_id);
	return store_submit(s, STMT_CONSOLE_LIST, false, &p, sessions_answered, &call, sizeof call);
}

enum err console_end(struct store *s, const struct origin *origin, const struct uuid *session_id, console_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	console_put_operator(&p, origin);
	pg_put_uuid(&p, session_id);
	return store_submit(s, STMT_CONSOLE_END, true, &p, end_answered, &call, sizeof call);
}
