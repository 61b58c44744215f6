#include "store/issue_statement.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stddef.h>

#include "sql/outcome.h"
#include "store/store_parts.h"

/* network_not_allowed, for the bearer's sake and not the client's */
#define BEARER_REFUSED "bearer_network_not_allowed"

/* bearer_kind of issue.sql */
enum bearer_kind { BEARER_NONE, BEARER_CLIENT, BEARER_OPERATOR };

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
static struct str col_auth_method(struct issue_request *r)
{
	return r->auth_method == '\0' ? STR_NONE : str_from(&r->auth_method, 1);
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

static struct str col_bearer_tag(struct issue_request *r)
{
	return r->bearer == NULL ? STR_NONE : r->bearer->secret_tag;
}

static struct str col_bearer_iat(struct issue_request *r)
{
	r->wire_iat = htobe64(r->bearer == NULL ? 0 : (uint64_t)r->bearer->issued_at);
	return str_from(&r->wire_iat, sizeof r->wire_iat);
}

static struct str col_bearer_jti(struct issue_request *r)
{
	return r->bearer == NULL ? STR_NONE : r->bearer->jti;
}

static struct str col_bearer_organization(struct issue_request *r)
{
	if (r->bearer == NULL || r->bearer->client_id.p != NULL)
		return STR_NONE;
	return str_from(r->bearer->organization_id.b, sizeof r->bearer->organization_id.b);
}

static struct str col_credentials(struct issue_request *r)
{
	return r->credentials;
}
static struct str col_presented(struct issue_request *r)
{
	return r->presented;
}
static struct str col_used_once(struct issue_request *r)
{
	return r->assertion.hash;
}
static struct str col_proof_once(struct issue_request *r)
{
	return r->proof.hash;
}
static struct str col_binding(struct issue_request *r)
{
	return r->binding;
}
static struct str col_fapi2(struct issue_request *r)
{
	return r->fapi2 ? STR("\1") : STR("\0");
}

static struct str until(struct issue_once *once)
{
	once->wire_until = htobe64((uint64_t)once->until);
	return once->hash.p == NULL ? STR_NONE : str_from(&once->wire_until, sizeof once->wire_until);
}
static struct str col_used_until(struct issue_request *r)
{
	return until(&r->assertion);
}
static struct str col_proof_until(struct issue_request *r)
{
	return until(&r->proof);
}

struct column {
	enum pg_oid type;
	column_of *value;
};

/* In the order of $1 to $11, of $26, of $27 to $34, and of $35 to $42 of issue.sql. */
static const struct column columns[] = {
	{PG_UUID, col_jti},         {PG_TEXT, col_client_id},  {PG_BYTEA, col_verifiers},  {PG_TEXT, col_scope},
	{PG_TEXT, col_audience},    {PG_UUID, col_request_id}, {PG_CHAR, col_transport},   {PG_TEXT, col_caller},
	{PG_TEXT, col_remote_addr}, {PG_TEXT, col_user_agent}, {PG_TEXT, col_traceparent},
};
static const struct column method_columns[] = {{PG_CHAR, col_auth_method}};
static const struct column bearer_columns[] = {
	{PG_INT4, col_bearer_kind},  {PG_TEXT, col_bearer_client}, {PG_INT4, col_bearer_version}, {PG_UUID, col_bearer_organization},
	{PG_BOOL, col_bearer_admin}, {PG_BYTEA, col_bearer_tag},   {PG_INT8, col_bearer_iat},     {PG_UUID, col_bearer_jti},
};
static const struct column proof_columns[] = {
	{PG_TEXT, col_credentials}, {PG_TEXT, col_presented},   {PG_BYTEA, col_used_once}, {PG_INT8, col_used_until},
	{PG_BYTEA, col_proof_once}, {PG_INT8, col_proof_until}, {PG_TEXT, col_binding},    {PG_BOOL, col_fapi2},
};

static void put_columns(struct store *s, struct pg_params *p, const struct column *c, size_t columns_n, const struct list *requests)
{
	for (size_t i = 0; i < columns_n; i++) {
		size_t n = 0;
		LIST_EACH (it, requests)
			s->issue.column[n++] = c[i].value(ISSUE_REQUEST(it));
		pg_put_array(p, c[i].type, s->issue.column, n);
	}
}

/* In the place of their columns. */
static void put_no_bearers(struct pg_params *p)
{
	for (size_t i = 0; i < sizeof bearer_columns / sizeof *bearer_columns; i++)
		pg_put_text(p, STR_NONE);
}

/* The least statement that can check them all. */
static enum statement statement_for(const struct store *s, const struct list *requests)
{
	bool bearer = false, secret = false, dpop = false, proof = s->config->fapi2;
	LIST_EACH (it, requests) {
		const struct issue_request *r = ISSUE_REQUEST(it);
		bearer |= r->bearer != NULL;
		secret |= r->credentials.p == NULL;
		dpop |= r->proof.hash.p != NULL;
		proof |= r->credentials.p != NULL || r->binding.p != NULL;
	}
	if (!proof)
		return bearer ? STMT_ISSUE_BEARER : STMT_ISSUE;
	return bearer || secret || dpop ? STMT_ISSUE_PROOF : STMT_ISSUE_CREDENTIAL;
}

enum statement issue_statement_put(struct store *s, const struct list *requests, struct str kid, struct pg_params *p)
{
	const struct audit_writer *writer = s->issue.writer;
	struct uuid batch_id = audit_writer_batch(writer);
	put_columns(s, p, columns, sizeof columns / sizeof *columns, requests);
	master_ring_put(p, &s->config->ring);
	pg_put_text(p, kid);
	pg_put_uuid(p, &batch_id);
	audit_writer_put(writer, p);
	put_columns(s, p, method_columns, sizeof method_columns / sizeof *method_columns, requests);
	enum statement statement = statement_for(s, requests);
	if (statement == STMT_ISSUE)
		return statement;
	if (statement == STMT_ISSUE_CREDENTIAL)
		put_no_bearers(p);
	else
		put_columns(s, p, bearer_columns, sizeof bearer_columns / sizeof *bearer_columns, requests);
	if (statement != STMT_ISSUE_BEARER) {
		put_columns(s, p, proof_columns, sizeof proof_columns / sizeof *proof_columns, requests);
		pg_put_bool(p, s->config->fapi2);
	}
	return statement;
}

/* ---- what it answers ---- */

static void take_row(struct issue_request *req, const PGresult *r, int row)
{
	struct str outcome = pg_str(r, row, 1);
	req->bearer_refused = str_eq(outcome, STR(BEARER_REFUSED));
	req->err = req->bearer_refused ? ERR_NETWORK_NOT_ALLOWED : outcome_err(outcome);
	req->secret_version = pg_int4(r, row, 2);
	int64_t at_us = pg_time_us(r, row, 3);
	req->issued_at = at_us / 1000000;
	req->issued_at_us = at_us;
	req->lifetime = pg_int4(r, row, 4);
	req->organization_id = pg_uuid(r, row, 5);
	req->granted_scope = pg_str(r, row, 6);
	req->granted_audience = pg_str(r, row, 7);
	req->token_type = pg_str(r, row, 8);
	req->secret_tag = pg_str(r, row, 9);
	if (PQnfields(r) <= 10)
		return;
	req->auth_method = pg_is_null(r, row, 10) ? '\0' : pg_str(r, row, 10).p[0];
	req->credential = pg_str(r, row, 11);
	req->bound_to = pg_str(r, row, 12);
	req->credential_id = pg_str(r, row, 13);
}

/* Where the row of each request is. False unless each has one, and no row is anything else. */
static bool find_rows(const PGresult *r, int *rows, int n)
{
	if (PQntuples(r) != n)
		return false;
	for (int i = 0; i < n; i++)
		rows[i] = -1;
	for (int row = 0; row < n; row++) {
		int64_t ord = pg_int8(r, row, 0); /* from 1 */
		if (ord < 1 || ord > n || rows[ord - 1] != -1)
			return false;
		rows[ord - 1] = row;
	}
	return true;
}

bool issue_statement_take(struct store *s, const struct list *requests, const PGresult *r)
{
	int n = 0;
	LIST_EACH (it, requests)
		n++;
	if (!find_rows(r, s->issue.rows, n))
		return false;
	int i = 0;
	LIST_EACH (it, requests)
		take_row(ISSUE_REQUEST(it), r, s->issue.rows[i++]);
	return true;
}

int64_t issue_statement_time(const PGresult *r)
{
	return pg_time_us(r, 0, 3);
}

struct audit_row issue_statement_wrote(const struct issue_request *r, struct uuid batch_id)
{
	return (struct audit_row){
		.issued_at = r->issued_at_us,
		.expires_at = (r->issued_at + r->lifetime) * INT64_C(1000000),
		.jti = r->jti,
		.organization_id = &r->organization_id,
		.request_id = r->origin->request_id,
		.batch_id = batch_id,
		.secret_version = r->secret_version,
		.transport = r->origin->transport,
		.client_id = r->client_id,
		.kid = signing_key_kid(r->key),
		.caller = r->origin->actor,
		.scope = r->granted_scope,
		.audience = r->granted_audience,
		.remote_addr = r->origin->remote_addr,
		.user_agent = r->origin->user_agent,
		.traceparent = r->origin->traceparent,
		.auth_method = r->auth_method,
		.credential = r->credential,
		.bound_to = r->bound_to,
	};
}
