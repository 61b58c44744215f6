#include "store/token_state.h"

#include <stdlib.h>

#include "sql/outcome.h"
#include "store/store_parts.h"

struct call {
	struct store *s;
	bool writes, lists;
	token_state_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	struct call call = *(struct call *)arg;
	free(arg);
	if (call.writes)
		store_note_write(call.s, err);
	if (err == ERR_OK && PQntuples(r) != 1)
		err = ERR_INTERNAL;
	if (err != ERR_OK) {
		call.done(call.arg, err == ERR_STORE_UNAVAILABLE ? err : ERR_INTERNAL, NULL);
		return;
	}
	struct token_answer answer = {.organization_id = pg_uuid(r, 0, 1)};
	if (call.lists)
		answer.list = pg_str(r, 0, 2);
	else if (!call.writes)
		answer.active = pg_bool(r, 0, 2);
	err = outcome_err(pg_str(r, 0, 0));
	if (err == ERR_STALE_KEY)
		store_reload_keys(call.s);
	call.done(call.arg, err, &answer);
}

static enum err submit(struct store *s, const char *statement, const struct pg_params *p, struct call call)
{
	call.s = s;
	return store_ask(s, statement, p, answered, &call, sizeof call);
}

static bool is_client(const struct token_caller *caller)
{
	return caller->client_id.p != NULL;
}

/* The first four parameters. */
static void put_caller(struct store *s, struct pg_params *p, const struct token_caller *caller)
{
	store_params(s, p);
	if (!is_client(caller)) {
		bearer_put(p, caller->bearer);
		return;
	}
	pg_put_text(p, caller->client_id);
	pg_put_bytea(p, caller->verifiers);
	master_ring_put(p, &s->config->ring);
	pg_put_text(p, caller->origin->remote_addr);
}

/* The last six of a bearer. */
static void put_proof(struct pg_params *p, const struct token_caller *caller)
{
	if (is_client(caller))
		return;
	bearer_put_proof(p, caller->bearer);
	pg_put_bool(p, caller->platform);
}

static void put_token(struct pg_params *p, const struct presented_token *token)
{
	pg_put_text(p, token->kid);
	pg_put_bool(p, token->verified);
	pg_put_raw(p, PG_UUID, token->jti);
	pg_put_text(p, token->client_id);
	pg_put_int4_or_null(p, token->secret_version, token->client_id.p == NULL);
	pg_put_uuid(p, token->organization_id);
	pg_put_int8(p, token->issued_at);
	pg_put_int8(p, token->expires_at);
}

enum err token_introspect(struct store *s, const struct token_caller *caller, const struct presented_token *token, token_state_done *done,
			  void *arg)
{
	struct pg_params p;
	put_caller(s, &p, caller);
	put_token(&p, token);
	put_proof(&p, caller);
	return submit(s, is_client(caller) ? STMT_INTROSPECT_BY_CLIENT : STMT_INTROSPECT_BY_BEARER, &p,
		      (struct call){.done = done, .arg = arg});
}

enum err token_revoke(struct store *s, const struct token_caller *caller, const struct presented_token *token, token_state_done *done,
		      void *arg)
{
	struct pg_params p;
	put_caller(s, &p, caller);
	put_token(&p, token);
	origin_put(&p, caller->origin);
	return submit(s, STMT_TOKEN_REVOKE, &p, (struct call){.writes = true, .done = done, .arg = arg});
}

enum err token_revocations(struct store *s, const struct token_caller *caller, token_state_done *done, void *arg)
{
	struct pg_params p;
	put_caller(s, &p, caller);
	put_proof(&p, caller);
	return submit(s, is_client(caller) ? STMT_REVOCATIONS_BY_CLIENT : STMT_REVOCATIONS_BY_BEARER, &p,
		      (struct call){.lists = true, .done = done, .arg = arg});
}
