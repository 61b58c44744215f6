#include "store/portal.h"

#include "sql/admin_statement.h"
#include "store/store_parts.h"

#define ANSWER_MAX (1 << 19)

struct call {
	portal_done *done;
	void *arg;
	bool may_be_none; /* no row is an empty list */
};

static void sessions_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct portal_answer answer = {.n = 0};
	if (err != ERR_OK) {
		call->done(call->arg, store_act_err(err), NULL);
		return;
	}
	if (call->may_be_none && PQntuples(r) == 0) {
		call->done(call->arg, ERR_OK, &answer);
		return;
	}
	struct arena *a = arena_new(ANSWER_MAX);
	err = a == NULL ? ERR_NO_MEMORY : portal_take_sessions(r, a, &answer.sessions, &answer.n);
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
	arena_free(a);
}

static void link_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct portal_answer answer = {.n = 0};
	err = store_outcome(err, r);
	if (err == ERR_OK) {
		answer.organization_id = pg_uuid(r, 0, 1);
		answer.expires_at = pg_time_us(r, 0, 2);
	}
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
}

static void end_answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct portal_answer answer = {.n = 0};
	err = store_outcome(err, r);
	if (err == ERR_OK) {
		answer.organization_id = pg_uuid(r, 0, 1);
		answer.ended = pg_int8(r, 0, 2);
	}
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
}

enum err portal_link_make(struct store *s, const struct bearer *maker, const struct origin *origin, struct str org,
			  const struct uuid *link_id, const uint8_t code_hash[SHA256_LEN], const struct portal_link_spec *spec,
			  bool clients, portal_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	portal_put_link(&p, maker, origin, org, link_id, code_hash, spec, clients);
	return store_submit(s, STMT_PORTAL_LINK, true, &p, link_answered, &call, sizeof call);
}

enum err portal_open(struct store *s, const struct origin *origin, const uint8_t code_hash[SHA256_LEN], const struct uuid *session_id,
		     const uint8_t token_hash[SHA256_LEN], portal_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	portal_put_open(&p, origin, code_hash, session_id, token_hash);
	return store_submit(s, STMT_PORTAL_OPEN, true, &p, sessions_answered, &call, sizeof call);
}

enum err portal_use(struct store *s, const uint8_t token_hash[SHA256_LEN], struct str remote_addr, bool act_decides, portal_done *done,
		    void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	pg_put_bytea(&p, str_from(token_hash, SHA256_LEN));
	pg_put_text(&p, remote_addr);
	pg_put_bool(&p, act_decides);
	return store_submit(s, STMT_PORTAL_USE, true, &p, sessions_answered, &call, sizeof call);
}

enum err portal_list(struct store *s, struct str org, portal_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	admin_put_org(&p, org);
	return store_submit(s, STMT_PORTAL_LIST, false, &p, sessions_answered, &call, sizeof call);
}

enum err portal_list_all(struct store *s, int32_t limit, const struct portal_session *after, portal_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg, .may_be_none = true};
	struct pg_params p;
	store_params(s, &p);
	pg_put_int8(&p, (int64_t)limit + 1);
	pg_put_time(&p, after == NULL ? 0 : after->expires_at);
	pg_put_uuid(&p, after == NULL ? NULL : &after->session_id);
	return store_submit(s, STMT_PORTAL_LIST_ALL, false, &p, sessions_answered, &call, sizeof call);
}

enum err portal_end(struct store *s, const struct origin *origin, struct str org, const struct uuid *session_id, const uint8_t *token_hash,
		    portal_done *done, void *arg)
{
	const struct call call = {.done = done, .arg = arg};
	struct pg_params p;
	store_params(s, &p);
	portal_put_end(&p, origin, org, session_id, token_hash);
	return store_submit(s, STMT_PORTAL_END, true, &p, end_answered, &call, sizeof call);
}
