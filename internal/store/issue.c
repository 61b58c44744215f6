/* The issuing queue and its one statement (issue.h tells the life of a request). */
#include "store/issue.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/audit_writer.h"
#include "store/outcome.h"
#include "store/store_parts.h"

#define SEAL_OF_BATCH SQL_AUDIT_SEAL("$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28", "$29", "$30")

/* What a request with a bearer is checked for besides: the bearer's own client, the version of the secret that it was obtained with, and its organization. */
#define BEARER_CASES                                                                                                                       \
	"   when req.bearer_kind <> 0 and (bo.organization_id is null or req.bearer_kind = 1 and bs.version is null) then 'invalid_token'" \
	"   when req.bearer_kind <> 0 and not coalesce('admin' = any(bc.roles), req.bearer_admin) then 'forbidden'"                        \
	"   when req.bearer_kind <> 0 and bo.organization_id is distinct from c.organization_id then 'invalid_client'"
#define BEARER_JOINS                                                                                                                       \
	" left join m2m.client bc on bc.client_id = req.bearer_client and bc.disabled_at is null"                                          \
	" left join m2m.client_secret bs on bs.client_id = req.bearer_client and bs.version = req.bearer_version"                          \
	"  and (bs.expires_at is null or bs.expires_at > statement_timestamp())"                                                           \
	" left join m2m.organization bo on bo.organization_id = coalesce(bc.organization_id, req.bearer_organization)"                     \
	"  and bo.disabled_at is null"

/* Parameters: arrays with one element per request, then the batch's own, and from $20 on the seal that travels with it (audit_writer.h). `verifiers` holds one 32-byte verifier per ring key, in the order of $17.
 * statement_timestamp() is when the server got this statement: later than the arrival of every request in it, so a rotation that had returned before is seen.
 * No RETURNING: the gateway's role may insert into the audit but not read it. `exp` is issued_at cut to the second plus the lifetime, in row and token. */
#define ISSUE_SQL(bearer_cases, bearer_joins)                                                                                              \
	"with req as (select * from unnest($1::uuid[], $2::text[], $3::bytea[], $4::text[], $5::text[], $6::uuid[], $7::\"char\"[], "      \
	"$8::text[],"                                                                                                                      \
	"  $9::text[], $10::text[], $11::text[], $12::int4[], $13::text[], $14::int4[], $15::uuid[], $16::bool[]) with ordinality"         \
	" as t(jti, client_id, verifiers, scope, audience, request_id, transport, caller, remote_addr, user_agent, traceparent,"           \
	"  bearer_kind, bearer_client, bearer_version, bearer_organization, bearer_admin, ord)),"                                          \
	" dec as ("                                                                                                                        \
	" select req.*, c.organization_id, s.version, c.token_lifetime, c.token_type, statement_timestamp() as at,"                        \
	"  date_trunc('second', statement_timestamp()) + make_interval(secs => c.token_lifetime) as expires_at,"                           \
	"  coalesce(req.scope, array_to_string(c.scopes, ' ')) as granted_scope, coalesce(req.audience, c.audiences[1]) as "               \
	"granted_audience,"                                                                                                                \
	"  case"                                                                                                                           \
	"   when (select kid from m2m.signing_key_current) is distinct from $18::text then 'stale_key'" bearer_cases                       \
	"   when c.client_id is null or o.organization_id is null then 'invalid_client'"                                                   \
	"   when s.version is null and s.key_missing then 'key_missing'"                                                                   \
	"   when s.version is null then 'invalid_client'"                                                                                  \
	"   when not coalesce(string_to_array(req.scope, ' ') <@ c.scopes, true) then 'invalid_scope'"                                     \
	"   when not coalesce(string_to_array(req.audience, ' ') <@ c.audiences, true) then 'invalid_target'"                              \
	"   else 'granted' end as outcome"                                                                                                 \
	" from req"                                                                                                                        \
	" left join m2m.client c on c.client_id = req.client_id and c.disabled_at is null"                                                 \
	" left join m2m.organization o on o.organization_id = c.organization_id and o.disabled_at is null"                                 \
	" left join lateral ("                                                                                                             \
	"  select max(v.version) filter (where v.verifier = substr(req.verifiers, 32 * array_position($17::text[], v.key_id) - 31, 32)) "  \
	"as version,"                                                                                                                      \
	"   bool_or(v.key_id <> all($17::text[])) as key_missing"                                                                          \
	"  from m2m.client_secret v where v.client_id = req.client_id and (v.expires_at is null or v.expires_at > '-infinity')"            \
	"   and (v.expires_at is null or v.expires_at > statement_timestamp())) s on true" bearer_joins "),"                               \
	" ins as (insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, "        \
	"transport,"                                                                                                                       \
	"   client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent)"                                                \
	"  select at, expires_at, jti, organization_id, request_id, $19::uuid, version, transport, client_id, $18::text, caller, "         \
	"granted_scope,"                                                                                                                   \
	"   granted_audience, remote_addr::inet, user_agent, traceparent from dec where outcome = 'granted'),"                             \
	" seal as (" SEAL_OF_BATCH ")"                                                                                                     \
	" select ord, outcome, version, at, token_lifetime, organization_id, granted_scope, granted_audience, token_type from dec order "  \
	"by ord"

/* Most batches are clients' own requests only. PostgreSQL sets up each join anew for every statement, which is most of a small batch's cost, so they have a statement without the bearers'. */
const char issue_sql[] = ISSUE_SQL("", "");
const char issue_bearer_sql[] = ISSUE_SQL(BEARER_CASES, BEARER_JOINS);

#define SEAL_IDLE_US 1000000
#define SLICE_US     3000 /* of signing in one turn of the loop */

enum bearer_kind { BEARER_NONE, BEARER_CLIENT, BEARER_OPERATOR };

#define REQUEST(node_) LIST_OWNER(node_, struct issue_request, node)

/* ---- one column of the batch at a time ---- */

typedef struct str column_of(struct issue_request *r);

static struct str col_jti(struct issue_request *r)
{
	return str_from(r->jti.b, sizeof r->jti.b);
}
static struct str col_client_id(struct issue_request *r)
{
	return r->client_id;
}
static struct str col_verifiers(struct issue_request *r)
{
	return r->verifiers;
}
static struct str col_scope(struct issue_request *r)
{
	return r->scope;
}
static struct str col_audience(struct issue_request *r)
{
	return r->audience;
}
static struct str col_request_id(struct issue_request *r)
{
	return str_from(r->origin->request_id.b, 16);
}
static struct str col_transport(struct issue_request *r)
{
	return str_from(&r->origin->transport, 1);
}
static struct str col_caller(struct issue_request *r)
{
	return r->origin->actor;
}
static struct str col_remote_addr(struct issue_request *r)
{
	return r->origin->remote_addr;
}
static struct str col_user_agent(struct issue_request *r)
{
	return r->origin->user_agent;
}
static struct str col_traceparent(struct issue_request *r)
{
	return r->origin->traceparent;
}
static struct str col_bearer_client(struct issue_request *r)
{
	return r->bearer == NULL ? STR_NONE : r->bearer->client_id;
}
static struct str col_bearer_admin(struct issue_request *r)
{
	return r->bearer != NULL && r->bearer->admin ? STR("\1") : STR("\0");
}

static struct str col_bearer_kind(struct issue_request *r)
{
	r->wire_kind = htonl(r->bearer == NULL ? BEARER_NONE : r->bearer->client_id.p != NULL ? BEARER_CLIENT : BEARER_OPERATOR);
	return str_from(&r->wire_kind, sizeof r->wire_kind);
}

static struct str col_bearer_version(struct issue_request *r)
{
	r->wire_version = htonl(r->bearer == NULL ? 0 : (uint32_t)r->bearer->secret_version);
	return str_from(&r->wire_version, sizeof r->wire_version);
}

static struct str col_bearer_organization(struct issue_request *r)
{
	if (r->bearer == NULL || r->bearer->client_id.p != NULL)
		return STR_NONE;
	return str_from(r->bearer->organization_id.b, sizeof r->bearer->organization_id.b);
}

/* In the order of $1 to $16. */
static const struct {
	enum pg_oid type;
	column_of *value;
} columns[] = {
	{PG_UUID, col_jti},           {PG_TEXT, col_client_id},      {PG_BYTEA, col_verifiers},          {PG_TEXT, col_scope},
	{PG_TEXT, col_audience},      {PG_UUID, col_request_id},     {PG_CHAR, col_transport},           {PG_TEXT, col_caller},
	{PG_TEXT, col_remote_addr},   {PG_TEXT, col_user_agent},     {PG_TEXT, col_traceparent},         {PG_INT4, col_bearer_kind},
	{PG_TEXT, col_bearer_client}, {PG_INT4, col_bearer_version}, {PG_UUID, col_bearer_organization}, {PG_BOOL, col_bearer_admin},
};

/* ---- the queue ---- */

static void finish(struct issue_request *r, enum err err)
{
	r->err = err;
	r->done(r);
}

static void finish_all(struct list *requests, enum err err)
{
	for (struct list *n; (n = list_pop(requests)) != NULL;)
		finish(REQUEST(n), err);
}

static void put(struct list *queue, struct issue_request *r)
{
	r->queue = queue;
	list_append(queue, &r->node);
}

static void move_all(struct list *from, struct list *to)
{
	for (struct list *n; (n = list_pop(from)) != NULL;)
		put(to, REQUEST(n));
}

static void depth_changed(struct store *s)
{
	atomic_store_explicit(&s->counters.queue_depth, s->issue.waiting_count, memory_order_relaxed);
}

static void batch_answered(void *arg, enum err err, const PGresult *r);

static struct issue_batch *free_batch(struct issue_queue *q)
{
	for (size_t i = 0; i < sizeof q->batches / sizeof *q->batches; i++)
		if (q->batches[i].keys == NULL)
			return &q->batches[i];
	return NULL;
}

static void release_batch(struct issue_batch *b)
{
	keyset_drop(b->keys);
	PQclear(b->result);
	*b = (struct issue_batch){.keys = NULL};
}

static void send_batch(struct store *s)
{
	struct issue_queue *q = &s->issue;
	struct issue_batch *batch = free_batch(q);
	if (!list_empty(&q->flying) || q->sealing || q->waiting_count == 0 || batch == NULL)
		return;
	unsigned n = 0;
	bool bearers = false;
	while (n < s->config->batch_max && !list_empty(&q->waiting)) {
		struct issue_request *r = REQUEST(list_pop(&q->waiting));
		bearers = bearers || r->bearer != NULL;
		put(&q->flying, r);
		n++;
	}
	q->waiting_count -= n;
	depth_changed(s);

	struct signing_key *key = s->keys == NULL ? NULL : keyset_current(s->keys->set);
	struct pg_params p;
	arena_reset(q->arena);
	pg_params_init(&p, q->arena);
	for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
		unsigned i = 0;
		LIST_EACH (it, &q->flying)
			q->column[i++] = columns[c].value(REQUEST(it));
		pg_put_array(&p, columns[c].type, q->column, n);
	}
	store_put_ring(s, &p);
	pg_put_text(&p, key == NULL ? STR_NONE : signing_key_kid(key));
	enum err err = key == NULL ? s->why_no_key : audit_writer_prepare(q->writer, SEAL_WITH_BATCH);
	if (err == ERR_OK) {
		struct uuid batch_id = audit_writer_batch(q->writer);
		pg_put_uuid(&p, &batch_id);
		audit_writer_put(q->writer, &p);
		err = pg_conn_send(s->issue_conn, bearers ? STMT_ISSUE_BEARER : STMT_ISSUE, &p, (int)s->config->request_timeout_ms,
				   batch_answered, s);
	}
	if (err != ERR_OK) {
		struct list failed;
		list_init(&failed);
		move_all(&q->flying, &failed);
		finish_all(&failed, err);
		return;
	}
	batch->keys = keyset_hold(s->keys);
	q->flying_batch = batch;
	histogram_note(&s->counters.batch_sizes, &histogram_sizes, n);
}

static void take_row(struct issue_request *req, const PGresult *r, int row, struct signing_key *key)
{
	req->err = outcome_err(pg_str(r, row, 1));
	req->secret_version = pg_int4(r, row, 2);
	int64_t at_us = pg_time_us(r, row, 3);
	req->issued_at = at_us / 1000000;
	req->issued_at_us = at_us;
	req->lifetime = pg_int4(r, row, 4);
	req->organization_id = pg_uuid(r, row, 5);
	req->granted_scope = pg_str(r, row, 6);
	req->granted_audience = pg_str(r, row, 7);
	req->token_type = pg_str(r, row, 8);
	req->key = key;
}

static void writer_lost(struct store *s)
{
	audit_writer_lost(s->issue.writer);
	atomic_fetch_add_explicit(&s->counters.writers_lost, 1, memory_order_relaxed);
}

/* The row as the statement has written it. */
static void seal_row(struct audit_writer *writer, const struct issue_request *req, struct uuid batch_id)
{
	const struct audit_row row = {
		.issued_at = req->issued_at_us,
		.expires_at = (req->issued_at + req->lifetime) * INT64_C(1000000),
		.jti = req->jti,
		.organization_id = &req->organization_id,
		.request_id = req->origin->request_id,
		.batch_id = batch_id,
		.secret_version = req->secret_version,
		.transport = req->origin->transport,
		.client_id = req->client_id,
		.kid = signing_key_kid(req->key),
		.caller = req->origin->actor,
		.scope = req->granted_scope,
		.audience = req->granted_audience,
		.remote_addr = req->origin->remote_addr,
		.user_agent = req->origin->user_agent,
		.traceparent = req->origin->traceparent,
	};
	audit_writer_row(writer, &row);
}

/* Reads the result into the requests, and what was written into the seal to come. */
static void take_rows(struct store *s, const struct list *answered, const PGresult *r, struct signing_key *key)
{
	struct audit_writer *writer = s->issue.writer;
	struct uuid batch_id = audit_writer_batch(writer);
	int row = 0;
	audit_writer_stored(writer, pg_time_us(r, 0, 3));
	LIST_EACH (it, answered) {
		struct issue_request *req = REQUEST(it);
		take_row(req, r, row++, key);
		if (req->err == ERR_OK)
			seal_row(writer, req, batch_id);
	}
}

/* Until the time is up: a signature takes up to a third of a millisecond, a batch has hundreds, and others wait for this loop too. */
static void answer_some(struct store *s)
{
	struct issue_queue *q = &s->issue;
	int64_t until_us = clock_mono_us() + SLICE_US;
	while (!list_empty(&q->answered) && clock_mono_us() < until_us) {
		struct issue_request *r = REQUEST(list_pop(&q->answered));
		struct issue_batch *batch = r->batch;
		r->done(r);
		if (--batch->left == 0) {
			release_batch(batch);
			send_batch(s);
		}
	}
	if (!list_empty(&q->answered))
		event_add(q->answer, &(struct timeval){0, 0});
}

static void on_answer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	answer_some(arg);
}

/* The batch's requests, each to where it goes on. True: some wait for a reload of the keys. */
static bool sort_answered(struct store *s, struct list *requests, struct issue_batch *batch)
{
	struct issue_queue *q = &s->issue;
	bool reload = false;
	for (struct list *n; (n = list_pop(requests)) != NULL;) {
		struct issue_request *req = REQUEST(n);
		if (req->err == ERR_STALE_KEY && !req->last_try) {
			req->last_try = true;
			put(&q->stale, req);
			reload = true;
			continue;
		}
		if (req->err == ERR_OK)
			atomic_fetch_add_explicit(&s->counters.tokens_issued, 1, memory_order_relaxed);
		req->batch = batch;
		batch->left++;
		put(&q->answered, req);
	}
	return reload;
}

static void batch_failed(struct store *s, struct list *requests, struct issue_batch *batch)
{
	writer_lost(s);
	atomic_fetch_add_explicit(&s->counters.statement_failures, 1, memory_order_relaxed);
	release_batch(batch);
	finish_all(requests, ERR_STORE_UNAVAILABLE); /* whatever it was: what can't be recorded isn't issued */
	if (s->issue.waiting_count > 0)
		event_active(s->issue.send, EV_TIMEOUT, 0);
}

static void batch_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	struct issue_queue *q = &s->issue;
	struct issue_batch *batch = q->flying_batch;
	struct list answered;
	list_init(&answered);
	move_all(&q->flying, &answered);
	q->flying_batch = NULL;
	s->last_issue_answer_us = q->written_us = clock_mono_us();
	store_note_write(s, err);
	if (err != ERR_OK) {
		batch_failed(s, &answered, batch);
		return;
	}
	batch->result = pg_conn_take_result(s->issue_conn);
	take_rows(s, &answered, r, keyset_current(batch->keys->set));
	atomic_fetch_add_explicit(&s->counters.seals, 1, memory_order_relaxed);
	bool reload = sort_answered(s, &answered, batch);
	if (batch->left == 0)
		release_batch(batch);
	send_batch(s); /* the database works on the next while we sign this one */
	event_add(q->prepare, &(struct timeval){0, 0});
	if (!event_pending(q->answer, EV_TIMEOUT, NULL))
		answer_some(s); /* else an earlier batch is still being answered, in turns */
	if (reload) {
		store_reload_keys(s);
		if (!s->keys_loading)
			issue_keys_reloaded(s);
	}
}

void issue_keys_reloaded(struct store *s)
{
	struct issue_queue *q = &s->issue;
	if (list_empty(&q->stale))
		return;
	for (struct list *n; (n = list_pop(&q->stale)) != NULL; q->waiting_count++)
		put(&q->waiting, REQUEST(n));
	depth_changed(s);
	event_active(q->send, EV_TIMEOUT, 0);
}

void issue_connection_changed(struct store *s)
{
	/* pg_conn has answered the batch that was in flight; what waits would wait for an unknown time */
	struct list failed;
	list_init(&failed);
	move_all(&s->issue.waiting, &failed);
	move_all(&s->issue.stale, &failed);
	s->issue.waiting_count = 0;
	depth_changed(s);
	finish_all(&failed, ERR_STORE_UNAVAILABLE);
}

static void on_send(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	send_batch(arg);
}

/* ---- seals ---- */

/* In the turn after the one that answered, so that no token waits for it; a batch that is sent earlier makes its seal itself. */
static void on_prepare(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct store *s = arg;
	if (list_empty(&s->issue.flying) && !s->issue.sealing && audit_writer_prepare(s->issue.writer, SEAL_WITH_BATCH) != ERR_OK)
		log_message(LOG_ERROR, "audit_seal_failed", "a seal can't be signed; tokens wait until one can");
}

static void seal_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	struct issue_queue *q = &s->issue;
	q->sealing = false;
	s->last_issue_answer_us = q->written_us = clock_mono_us();
	store_note_write(s, err);
	if (err == ERR_OK) {
		audit_writer_stored(q->writer, pg_time_us(r, 0, 0));
		atomic_fetch_add_explicit(&s->counters.seals, 1, memory_order_relaxed);
	} else {
		writer_lost(s);
	}
	send_batch(s);
	event_add(q->prepare, &(struct timeval){0, 0});
}

static void send_seal(struct store *s, enum audit_seal_kind kind)
{
	struct issue_queue *q = &s->issue;
	struct pg_params p;
	if (q->sealing || !list_empty(&q->flying) || !pg_conn_is_up(s->issue_conn) || audit_writer_prepare(q->writer, kind) != ERR_OK)
		return;
	arena_reset(q->arena);
	pg_params_init(&p, q->arena);
	audit_writer_put(q->writer, &p);
	q->sealing = pg_conn_send(s->issue_conn, STMT_SEAL, &p, (int)s->config->request_timeout_ms, seal_answered, s) == ERR_OK;
}

void issue_tick(struct store *s)
{
	if (audit_writer_behind(s->issue.writer) && clock_mono_us() - s->issue.written_us >= SEAL_IDLE_US)
		send_seal(s, SEAL_ALONE);
}

bool issue_ended(struct store *s)
{
	struct issue_queue *q = &s->issue;
	if (!q->ending && (audit_writer_behind(q->writer) || audit_writer_began(q->writer)))
		send_seal(s, SEAL_LAST);
	q->ending = true; /* tried once: a database that won't take it must not hold up the end */
	return !q->sealing;
}

bool issue_is_full(const struct store *s)
{
	return s->issue.waiting_count >= s->config->queue_max;
}

enum err issue_submit(struct store *s, struct issue_request *r)
{
	struct issue_queue *q = &s->issue;
	if (!pg_conn_is_up(s->issue_conn))
		return ERR_STORE_UNAVAILABLE;
	if (s->keys == NULL || keyset_current(s->keys->set) == NULL)
		return s->why_no_key;
	if (issue_is_full(s))
		return ERR_OVERLOADED;
	r->last_try = false;
	put(&q->waiting, r);
	q->waiting_count++;
	depth_changed(s);
	if (list_empty(&q->flying))
		event_active(q->send, EV_TIMEOUT, 0);
	return ERR_OK;
}

bool issue_withdraw(struct store *s, struct issue_request *r)
{
	struct issue_queue *q = &s->issue;
	if (r->queue != &q->waiting && r->queue != &q->stale) {
		r->last_try = true;
		return false;
	}
	list_remove(&r->node);
	if (r->queue == &q->waiting) {
		q->waiting_count--;
		depth_changed(s);
	}
	r->queue = NULL;
	return true;
}

enum err issue_queue_init(struct store *s)
{
	struct issue_queue *q = &s->issue;
	list_init(&q->waiting);
	list_init(&q->flying);
	list_init(&q->answered);
	list_init(&q->stale);
	/* a request's columns are bounded by what the transports let through: ids, 512 bytes of user agent, scope and audience */
	q->arena = arena_new(16384 + (size_t)s->config->batch_max * 8192);
	q->column = calloc(s->config->batch_max, sizeof *q->column);
	q->send = event_new(s->base, -1, 0, on_send, s);
	q->prepare = event_new(s->base, -1, 0, on_prepare, s);
	q->answer = event_new(s->base, -1, 0, on_answer, s);
	if (q->arena == NULL || q->column == NULL || q->send == NULL || q->prepare == NULL || q->answer == NULL)
		return ERR_NO_MEMORY;
	return audit_writer_new(&s->config->ring.keys[0], s->config->batch_max, &q->writer);
}

void issue_queue_free(struct store *s)
{
	if (s->issue.waiting.next != NULL) {
		issue_connection_changed(s);
		while (!list_empty(&s->issue.answered)) /* recorded: whoever waits for it gets it */
			answer_some(s);
	}
	if (s->issue.answer != NULL)
		event_free(s->issue.answer);
	if (s->issue.send != NULL)
		event_free(s->issue.send);
	if (s->issue.prepare != NULL)
		event_free(s->issue.prepare);
	audit_writer_free(s->issue.writer);
	arena_free(s->issue.arena);
	free(s->issue.column);
}
