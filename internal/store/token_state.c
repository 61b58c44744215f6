#include "store/token_state.h"

#include <endian.h>
#include <stdlib.h>

#include "sql/outcome.h"
#include "store/callers.h"
#include "store/store_parts.h"

struct call {
	struct store *s;
	bool writes, lists;
	token_state_done *done;
	void *arg;
};

static void take_list(const PGresult *r, struct token_answer *ret)
{
	enum { LIST = 2, PART, ID, CLIENT_ID, SECRET_VERSION, EXPIRES_AT };
	ret->list = pg_str(r, 0, LIST);
	ret->more = !pg_is_null(r, 0, PART);
	if (ret->more)
		ret->last = (struct revocation_place){
			.part = pg_str(r, 0, PART).p[0],
			.id = pg_uuid(r, 0, ID),
			.client_id = pg_str(r, 0, CLIENT_ID),
			.secret_version = pg_int4(r, 0, SECRET_VERSION),
			.expires_us = pg_time_us(r, 0, EXPIRES_AT),
		};
	if (ret->last.part == 'e')
		ret->last.expires_us = 0;
}

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	if (err == ERR_OK && PQntuples(r) != 1)
		err = ERR_INTERNAL;
	if (err != ERR_OK) {
		call->done(call->arg, store_fault(err), NULL);
		return;
	}
	struct token_answer answer = {.organization_id = pg_uuid(r, 0, 1)};
	if (call->lists)
		take_list(r, &answer);
	else if (!call->writes)
		answer.active = pg_bool(r, 0, 2);
	err = outcome_err(pg_str(r, 0, 0));
	if (err == ERR_STALE_KEY)
		store_reload_keys(call->s);
	call->done(call->arg, err, &answer);
}

static enum err submit(struct store *s, enum statement statement, const struct pg_params *p, struct call call)
{
	call.s = s;
	return store_submit(s, statement, call.writes, p, answered, &call, sizeof call);
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

static struct str method_of(const struct token_caller *caller)
{
	return caller->shown.auth_method == '\0' ? STR_NONE : str_from(&caller->shown.auth_method, 1);
}

/* The last six of a client. */
static void put_credential(const struct store *s, struct pg_params *p, const struct token_caller *caller)
{
	const struct issue_once *assertion = &caller->shown.assertion;
	pg_put_raw(p, PG_CHAR, method_of(caller));
	pg_put_text(p, caller->shown.credentials);
	pg_put_bytea(p, assertion->hash);
	if (assertion->hash.p != NULL)
		pg_put_int8(p, assertion->until);
	else
		pg_put_raw(p, PG_INT8, STR_NONE);
	pg_put_bool(p, caller->fapi2);
	pg_put_bool(p, s->config->fapi2);
}

/* The last six of a bearer. */
static void put_proof(struct pg_params *p, const struct token_caller *caller)
{
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

static enum err introspect_by_bearer(struct store *s, const struct token_caller *caller, const struct presented_token *token,
				     token_state_done *done, void *arg)
{
	struct pg_params p;
	put_caller(s, &p, caller);
	put_token(&p, token);
	put_proof(&p, caller);
	return submit(s, STMT_INTROSPECT_BY_BEARER, &p, (struct call){.done = done, .arg = arg});
}

enum err token_revoke(struct store *s, const struct token_caller *caller, const struct presented_token *token, token_state_done *done,
		      void *arg)
{
	struct pg_params p;
	put_caller(s, &p, caller);
	put_token(&p, token);
	origin_put(&p, caller->origin);
	put_credential(s, &p, caller);
	return submit(s, STMT_TOKEN_REVOKE, &p, (struct call){.writes = true, .done = done, .arg = arg});
}

static void put_place(struct pg_params *p, const struct revocation_place *at)
{
	pg_put_char(p, at->part);
	pg_put_uuid(p, &at->id);
	pg_put_text(p, at->client_id);
	pg_put_int4(p, at->secret_version);
	pg_put_time(p, at->expires_us);
}

enum err token_revocations(struct store *s, const struct token_caller *caller, const struct revocation_place *after, int32_t limit,
			   token_state_done *done, void *arg)
{
	struct pg_params p;
	put_caller(s, &p, caller);
	put_place(&p, after);
	pg_put_int4(&p, limit);
	if (is_client(caller))
		put_credential(s, &p, caller);
	else
		put_proof(&p, caller);
	return submit(s, is_client(caller) ? STMT_REVOCATIONS_BY_CLIENT : STMT_REVOCATIONS_BY_BEARER, &p,
		      (struct call){.lists = true, .done = done, .arg = arg});
}

/* ---- introspections that travel together ---- */

/* What the parameters of one batch have room for in the store's scratch arena. */
#define BATCH_MAX CALLERS_MAX

struct introspection {
	struct list node;
	struct token_caller caller;
	struct presented_token token;
	token_state_done *done;
	void *arg;
	uint32_t asked_by; /* its caller's place among the batch's callers */
	uint32_t wire_asked_by, wire_version;
	uint64_t wire_iat, wire_exp;
};
#define INTROSPECTION(node_) LIST_OWNER(node_, struct introspection, node)

typedef struct str column_of(struct introspection *i);
typedef struct str caller_column_of(const struct token_caller *c);

static struct str col_caller_id(const struct token_caller *c)
{
	return c->client_id;
}
static struct str col_verifiers(const struct token_caller *c)
{
	return c->verifiers;
}
static struct str col_remote_addr(const struct token_caller *c)
{
	return c->origin->remote_addr;
}

static struct str col_kid(struct introspection *i)
{
	return i->token.kid;
}
static struct str col_verified(struct introspection *i)
{
	return i->token.verified ? STR("\1") : STR("\0");
}
static struct str col_jti(struct introspection *i)
{
	return i->token.jti;
}
static struct str col_client_id(struct introspection *i)
{
	return i->token.client_id;
}

static struct str col_version(struct introspection *i)
{
	i->wire_version = htobe32((uint32_t)i->token.secret_version);
	return i->token.client_id.p == NULL ? STR_NONE : str_from(&i->wire_version, sizeof i->wire_version);
}

static struct str col_organization(struct introspection *i)
{
	const struct uuid *id = i->token.organization_id;
	return id == NULL ? STR_NONE : str_from(id->b, sizeof id->b);
}

static struct str col_iat(struct introspection *i)
{
	i->wire_iat = htobe64((uint64_t)i->token.issued_at);
	return str_from(&i->wire_iat, sizeof i->wire_iat);
}

static struct str col_exp(struct introspection *i)
{
	i->wire_exp = htobe64((uint64_t)i->token.expires_at);
	return str_from(&i->wire_exp, sizeof i->wire_exp);
}

static struct str col_asked_by(struct introspection *i)
{
	i->wire_asked_by = htobe32(i->asked_by);
	return str_from(&i->wire_asked_by, sizeof i->wire_asked_by);
}

static struct str col_auth_method(struct introspection *i)
{
	return method_of(&i->caller);
}
static struct str col_credentials(struct introspection *i)
{
	return i->caller.shown.credentials;
}
static struct str col_used_once(struct introspection *i)
{
	return i->caller.shown.assertion.hash;
}
static struct str col_used_until(struct introspection *i)
{
	struct issue_once *once = &i->caller.shown.assertion;
	once->wire_until = htobe64((uint64_t)once->until);
	return once->hash.p == NULL ? STR_NONE : str_from(&once->wire_until, sizeof once->wire_until);
}
static struct str col_fapi2(struct introspection *i)
{
	return i->caller.fapi2 ? STR("\1") : STR("\0");
}

struct column {
	enum pg_oid type;
	column_of *value;
};
struct caller_column {
	enum pg_oid type;
	caller_column_of *value;
};

/* In the order of $1 to $3, of $4 to $11, and of $13 and what follows. */
static const struct caller_column caller_columns[] = {{PG_TEXT, col_caller_id}, {PG_BYTEA, col_verifiers}, {PG_TEXT, col_remote_addr}};
static const struct column token_columns[] = {
	{PG_TEXT, col_kid},     {PG_BOOL, col_verified},     {PG_UUID, col_jti}, {PG_TEXT, col_client_id},
	{PG_INT4, col_version}, {PG_UUID, col_organization}, {PG_INT8, col_iat}, {PG_INT8, col_exp},
};
static const struct column secret_columns[] = {{PG_INT4, col_asked_by}};
static const struct column credential_columns[] = {
	{PG_CHAR, col_auth_method}, {PG_TEXT, col_credentials}, {PG_BYTEA, col_used_once}, {PG_INT8, col_used_until}, {PG_BOOL, col_fapi2},
};

struct batch {
	struct introspection *v[BATCH_MAX];
	size_t n;
};

static void put_columns(struct pg_params *p, const struct batch *b, const struct column *c, size_t columns_n)
{
	struct str column[BATCH_MAX];
	for (size_t k = 0; k < columns_n; k++) {
		for (size_t i = 0; i < b->n; i++)
			column[i] = c[k].value(b->v[i]);
		pg_put_array(p, c[k].type, column, b->n);
	}
}
#define PUT_COLUMNS(p, batch, columns) put_columns(p, batch, columns, sizeof(columns) / sizeof *(columns))

static void put_callers(struct pg_params *p, const struct callers *callers)
{
	struct str column[CALLERS_MAX];
	for (size_t k = 0; k < sizeof caller_columns / sizeof *caller_columns; k++) {
		for (size_t i = 0; i < callers->n; i++)
			column[i] = caller_columns[k].value(callers->v[i]);
		pg_put_array(p, caller_columns[k].type, column, callers->n);
	}
}

static void put_by_secrets(struct store *s, struct pg_params *p, const struct batch *b)
{
	struct callers callers = {.n = 0};
	for (size_t i = 0; i < b->n; i++)
		b->v[i]->asked_by = callers_place(&callers, &b->v[i]->caller);
	put_callers(p, &callers);
	PUT_COLUMNS(p, b, token_columns);
	master_ring_put(p, &s->config->ring);
	PUT_COLUMNS(p, b, secret_columns);
}

/* Each shows a credential of its own. */
static void put_by_credentials(struct store *s, struct pg_params *p, const struct batch *b)
{
	struct callers callers = {.n = b->n};
	for (size_t i = 0; i < b->n; i++)
		callers.v[i] = &b->v[i]->caller;
	put_callers(p, &callers);
	PUT_COLUMNS(p, b, token_columns);
	master_ring_put(p, &s->config->ring);
	PUT_COLUMNS(p, b, credential_columns);
	pg_put_bool(p, s->config->fapi2);
}

/* Answers the statement, the least that can check them all. */
static enum statement put_batch(struct store *s, struct pg_params *p)
{
	struct batch b = {.n = 0};
	bool credentials = s->config->fapi2;
	LIST_EACH (it, &s->introspections.flying) {
		b.v[b.n++] = INTROSPECTION(it);
		credentials = credentials || INTROSPECTION(it)->caller.shown.credentials.p != NULL;
	}
	store_params(s, p);
	if (credentials)
		put_by_credentials(s, p, &b);
	else
		put_by_secrets(s, p, &b);
	return credentials ? STMT_INTROSPECT_BY_CREDENTIALS : STMT_INTROSPECT_BY_SECRETS;
}

/* It is in no list any more. */
static void answer(struct introspection *i, enum err err, const struct token_answer *a)
{
	i->done(i->arg, err, a);
	free(i);
}

static void fail_all(struct list *list, enum err err)
{
	struct list *next;
	for (struct list *n = list->next; n != list; n = next) {
		next = n->next;
		list_remove(n);
		answer(INTROSPECTION(n), err, NULL);
	}
}

/* Where the row of each is; false unless each has one, and no row is anything else. */
static bool find_rows(const PGresult *r, int rows[BATCH_MAX], int n)
{
	if (PQntuples(r) != n)
		return false;
	for (int k = 0; k < n; k++)
		rows[k] = -1;
	for (int row = 0; row < n; row++) {
		int64_t ord = pg_int8(r, row, 3);
		if (ord < 1 || ord > n || rows[ord - 1] != -1)
			return false;
		rows[ord - 1] = row;
	}
	return true;
}

static void answer_batch(struct store *s, const PGresult *r)
{
	int rows[BATCH_MAX];
	int n = 0;
	LIST_EACH (it, &s->introspections.flying)
		n++;
	if (!find_rows(r, rows, n)) {
		fail_all(&s->introspections.flying, ERR_INTERNAL);
		return;
	}
	struct list *node = s->introspections.flying.next, *next;
	for (int k = 0; k < n; k++, node = next) {
		const struct token_answer a = {.organization_id = pg_uuid(r, rows[k], 1), .active = pg_bool(r, rows[k], 2)};
		enum err err = outcome_err(pg_str(r, rows[k], 0));
		if (err == ERR_STALE_KEY)
			store_reload_keys(s);
		next = node->next;
		list_remove(node);
		answer(INTROSPECTION(node), err, &a);
	}
}

static void batch_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	if (err == ERR_OK)
		answer_batch(s, r);
	else
		fail_all(&s->introspections.flying, store_fault(err));
	if (s->introspections.waiting_count > 0)
		event_active(s->introspections.send, EV_TIMEOUT, 1);
}

static void send_batch(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct store *s = arg;
	struct introspection_queue *q = &s->introspections;
	struct pg_params p;
	if (!list_empty(&q->flying))
		return;
	for (unsigned n = 0; n < BATCH_MAX && q->waiting_count > 0; n++, q->waiting_count--) {
		struct list *node = q->waiting.next;
		list_remove(node);
		list_append(&q->flying, node);
	}
	if (list_empty(&q->flying))
		return;
	enum statement statement = put_batch(s, &p);
	enum err err = pg_conn_send(s->serve_conn, statement, &p, (int)s->config->request_timeout_ms, batch_answered, s);
	if (err != ERR_OK)
		batch_answered(s, err, NULL);
}

enum err token_introspect(struct store *s, const struct token_caller *caller, const struct presented_token *token, token_state_done *done,
			  void *arg)
{
	struct introspection_queue *q = &s->introspections;
	if (!is_client(caller))
		return introspect_by_bearer(s, caller, token, done, arg);
	if (!pg_conn_is_up(s->serve_conn))
		return ERR_STORE_UNAVAILABLE;
	struct introspection *i = q->waiting_count < s->config->queue_max ? malloc(sizeof *i) : NULL;
	if (i == NULL)
		return ERR_OVERLOADED;
	*i = (struct introspection){.caller = *caller, .token = *token, .done = done, .arg = arg};
	list_append(&q->waiting, &i->node);
	q->waiting_count++;
	if (list_empty(&q->flying))
		event_active(q->send, EV_TIMEOUT, 1);
	return ERR_OK;
}

enum err introspection_queue_init(struct store *s)
{
	list_init(&s->introspections.waiting);
	list_init(&s->introspections.flying);
	s->introspections.send = event_new(s->base, -1, 0, send_batch, s);
	return s->introspections.send == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void introspection_queue_free(struct store *s)
{
	if (s->introspections.send == NULL)
		return;
	event_free(s->introspections.send);
	fail_all(&s->introspections.waiting, ERR_STORE_UNAVAILABLE);
}
