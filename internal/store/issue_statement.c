#include "store/issue_statement.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stddef.h>

#include "sql/bearer_sql.h"
#include "sql/client_auth_sql.h"
#include "sql/lookup_sql.h"
#include "sql/network_sql.h"
#include "sql/outcome.h"
#include "sql/secret_sql.h"
#include "sql/token_end_sql.h"
#include "store/store_parts.h"

#define SEAL_OF_BATCH SQL_AUDIT_SEAL("$15", "$16", "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24", "$25")

/* The few organizations that are disabled (a deleted one is too) or have networks are an index
 * of their own. */
#define LIMITED_ORGANIZATION "o.organization_id = c.organization_id and (o.disabled_at is not null or o.allowed_networks is not null)"
#define CLIENT_NETWORK_ALLOWED                                                                                                             \
	NETWORK_ALLOWED("req.remote_addr", "c.allowed_networks") " and " NETWORK_ALLOWED("req.remote_addr", "o.allowed_networks")

/* What a request with a bearer is checked for besides: the bearer's own client, the version of
 * the secret that it was obtained with, its organization, and the networks of both. */
#define BEARER_COLUMNS                                                                                                                     \
	", unnest($27::int4[]) as bearer_kind, unnest($28::text[]) as bearer_client, unnest($29::int4[]) as bearer_version,"               \
	" unnest($30::uuid[]) as bearer_organization, unnest($31::bool[]) as bearer_admin,"                                                \
	" unnest($32::bytea[]) as bearer_tag, unnest($33::int8[]) as bearer_iat, unnest($34::uuid[]) as bearer_jti"
#define BEARER_NETWORK_ALLOWED                                                                                                             \
	NETWORK_ALLOWED("req.remote_addr", "bc.allowed_networks") " and " NETWORK_ALLOWED("req.remote_addr", "bo.allowed_networks")
#define BEARER_HAS_ENDED                                                                                                                   \
	TOKEN_HAS_ENDED("req.bearer_jti", "bo.organization_id", "req.bearer_client", "req.bearer_version", "nullif(req.bearer_iat, 0)")
/* network_not_allowed, for the bearer's sake and not the client's */
#define BEARER_REFUSED "bearer_network_not_allowed"
#define BEARER_CASES                                                                                                                       \
	"   when req.bearer_kind <> 0 and (bo.organization_id is null or req.bearer_kind = 1 and bs.version is null"                       \
	"    and bk.client_id is null) then 'invalid_token'"                                                                               \
	"   when req.bearer_kind <> 0 and " BEARER_HAS_ENDED " then 'invalid_token'"                                                       \
	"   when req.bearer_kind <> 0 and not (" BEARER_NETWORK_ALLOWED ") then '" BEARER_REFUSED "'"                                      \
	"   when req.bearer_kind <> 0 and not coalesce('admin' = any(bc.roles), req.bearer_admin) then 'forbidden'"                        \
	"   when req.bearer_kind <> 0 and bo.organization_id is distinct from c.organization_id then 'invalid_client'"
#define LIVE_BEARER_SECRET       BEARER_SECRET_IS_LIVE("bs", "req.bearer_client", "req.bearer_version", "req.bearer_tag", "req.bearer_iat")
#define LIVE_BEARER_ORGANIZATION "bo.organization_id = coalesce(bc.organization_id, req.bearer_organization) and bo.disabled_at is null"
#define LIVE_BEARER_CREDENTIAL   BEARER_CREDENTIAL_IS_LIVE("bk", "req.bearer_client", "req.bearer_version", "req.bearer_tag")
#define BEARER_LOOKUPS                                                                                                                     \
	LOOKUP("bc", "m2m.client", "bc.client_id = req.bearer_client and bc.disabled_at is null")                                          \
	LOOKUP("bs", "m2m.client_secret", LIVE_BEARER_SECRET)                                                                              \
	LOOKUP("bk", "m2m.client_credential", LIVE_BEARER_CREDENTIAL) LOOKUP("bo", "m2m.organization", LIVE_BEARER_ORGANIZATION)

/* The client's secret, where that is what it showed. Such a token is bound to nothing. */
#define PLAIN_CASES SECRET_CASES("req", "$12") "   when c.token_binding is not null then 'binding_required'" SECRET_USE_CASE

/* What a request has besides that shows another credential than a secret, or has its token bound
 * (client_auth_sql.h). */
#define PROOF_COLUMNS                                                                                                                      \
	", unnest($35::text[]) as credentials, unnest($36::text[]) as presented, unnest($37::bytea[]) as used_once,"                       \
	" unnest($38::int8[]) as used_until, unnest($39::bytea[]) as proof_once, unnest($40::int8[]) as proof_until,"                      \
	" unnest($41::text[]) as binding, unnest($42::bool[]) as fapi2"
/* A certificate that is known by its thumbprint is as good as a self-signed one, whoever signed
 * it. */
#define SHOWN_METHOD     "case when k.credential_id like 'x5t#S256:%' then 's' else req.auth_method end"
#define SHOWN_CREDENTIAL "coalesce(req.presented, k.credential_id)"
/* Of a proof's key and a certificate the one that the client's tokens must be bound to. */
#define HELD "split_part(req.binding, e'\\n', case when c.token_binding = 'certificate' then -1 else 1 end)"
/* A certificate is there whether its client means it or not: a token is bound to it where the
 * client authenticates with it, or must have its tokens bound. */
#define BINDING                                                                                                                            \
	"case when " HELD " like 'x5t#S256:%' and k.kind is distinct from 'certificate' and c.token_binding is null and not $43::bool"     \
	" then null else " HELD " end"
#define BINDING_MISSING                                                                                                                    \
	"case coalesce(c.token_binding, case when $43::bool then 'any' end) when 'dpop' then coalesce(" HELD " not like 'jkt:%', true)"    \
	" when 'certificate' then coalesce(" HELD " not like 'x5t#S256:%', true) when 'any' then req.binding is null else false end"
#define PROOF_CASES                                                                                                                        \
	CREDENTIAL_CASES("req", "$12", "$43::bool")                                                                                        \
	"   when req.proof_until <= extract(epoch from statement_timestamp()) then 'invalid_dpop_proof'"                                   \
	"   when " BINDING_MISSING " then 'binding_required'" SECRET_USE_CASE

/* What a token tells its secret's version by, or its key. */
#define SECRET_TAG BEARER_TAG("s")

/* Parameters: $1 to $11 are arrays with one element per request, $12 the ring's key ids, $13 and
 * $14 the batch's kid and id, from $15 on stands the seal that travels with it (audit_writer.h),
 * $26 is another array, from $27 on stands what only requests with a bearer have, from $35 on
 * what only those with a proof have, the last of it, $43, whether every client is held to FAPI 2.0
 * (M2M_PROFILE). `verifiers` holds one 32-byte verifier per ring key, in the
 * order of $12. statement_timestamp() is when the server got this
 * statement: later than the arrival of every request in it, so a rotation that had returned
 * before is seen. No RETURNING: the gateway's role may insert into the audit but not read it.
 * `exp` is issued_at cut to the second plus the lifetime, in row and token. Networks are asked
 * about once the credential is right: whoever is elsewhere has it. Rows come in any order, each
 * with its request's place in it (`ord`): to sort even one costs PostgreSQL 15 us. Arrays are
 * unnested in the select list, a row of all at a time: as a function in `from`, each would be
 * kept whole before the first row is asked for. A secret is looked up without an aggregate, which
 * would be begun anew for each row. */
#define ISSUE_SQL(auth_method, credential, bound_to, more_columns, bearer_cases, client_cases, more_lookups, more_kept, tag, used_once,    \
		  decided, verdict, more_answered)                                                                                         \
	"with req as (select unnest($1::uuid[]) as jti, unnest($2::text[]) as client_id, unnest($3::bytea[]) as verifiers,"                \
	"  unnest($4::text[]) as scope, unnest($5::text[]) as audience, unnest($6::uuid[]) as request_id,"                                 \
	"  unnest($7::\"char\"[]) as transport, unnest($8::text[]) as caller, unnest($9::text[]) as remote_addr,"                          \
	"  unnest($10::text[]) as user_agent, unnest($11::text[]) as traceparent,"                                                         \
	"  unnest($26::\"char\"[]) as auth_method" more_columns ","                                                                        \
	"  generate_series(1::int8, cardinality($1::uuid[])) as ord),"                                                                     \
	" dec as ("                                                                                                                        \
	" select req.ord, req.jti, req.client_id, req.request_id, req.transport, req.caller, req.remote_addr,"                             \
	"  req.user_agent, req.traceparent, " auth_method " as auth_method, " credential " as credential, " bound_to                       \
	"  as bound_to" more_kept ", c.organization_id, s.version, " tag " as secret_tag,"                                                 \
	"  c.token_lifetime, c.token_type, statement_timestamp() as at,"                                                                   \
	"  date_trunc('second', statement_timestamp()) + make_interval(secs => c.token_lifetime) as expires_at,"                           \
	"  coalesce(req.scope, array_to_string(c.scopes, ' ')) as granted_scope, coalesce(req.audience, c.audiences[1]) as "               \
	"granted_audience,"                                                                                                                \
	"  case"                                                                                                                           \
	"   when (select kid from m2m.signing_key_current) is distinct from $13::text then 'stale_key'" bearer_cases                       \
	"   when c.client_id is null or o.disabled_at is not null then 'invalid_client'" client_cases                                      \
	"   when not (" CLIENT_NETWORK_ALLOWED ") then 'network_not_allowed'"                                                              \
	"   when not coalesce(string_to_array(req.scope, ' ') <@ c.scopes, true) then 'invalid_scope'"                                     \
	"   when not coalesce(string_to_array(req.audience, ' ') <@ c.audiences, true) then 'invalid_target'"                              \
	"   else 'granted' end as outcome"                                                                                                 \
	" from req" LOOKUP("c", "m2m.client", "c.client_id = req.client_id and c.disabled_at is null")                                     \
		LOOKUP("o", "m2m.organization", LIMITED_ORGANIZATION) SECRET_LOOKUP("req", "$12") more_lookups                             \
		")," used_once " ins as (insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, " \
		"secret_version, "                                                                                                         \
		"transport,"                                                                                                               \
		"   client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent, auth_method, credential, bound_to)"     \
		"  select at, expires_at, jti, organization_id, request_id, $14::uuid, version, transport, client_id, $13::text, caller, " \
		"granted_scope,"                                                                                                           \
		"   granted_audience, remote_addr::inet, user_agent, traceparent, auth_method, credential, bound_to from " decided         \
		" where " verdict " = 'granted'),"                                                                                         \
		" seal as (" SEAL_OF_BATCH ")"                                                                                             \
		" select ord, " verdict ", version, at, token_lifetime, organization_id, granted_scope, granted_audience, token_type, "    \
		"secret_tag" more_answered " from " decided

#define PLAIN "req.auth_method", "null::text", "null::text" /* a secret, and a token that is bound to nothing */

/* ISSUE_SQL, whose first arguments may be PLAIN. */
#define ISSUE_SQL_OF(...) ISSUE_SQL(__VA_ARGS__)

/* Most batches are clients' own requests with their secrets. PostgreSQL sets up each join anew for
 * every statement, which is most of a small batch's cost, so they have a statement without the
 * bearers' and the proofs'. */
const char issue_sql[] = ISSUE_SQL_OF(PLAIN, "", "", PLAIN_CASES, "", "", SECRET_TAG, "", "dec", "outcome", "");
const char issue_bearer_sql[] =
	ISSUE_SQL_OF(PLAIN, BEARER_COLUMNS, BEARER_CASES, PLAIN_CASES, BEARER_LOOKUPS, "", SECRET_TAG, "", "dec", "outcome", "");
const char issue_proof_sql[] = ISSUE_SQL(
	SHOWN_METHOD, SHOWN_CREDENTIAL, BINDING, BEARER_COLUMNS PROOF_COLUMNS, BEARER_CASES, PROOF_CASES,
	BEARER_LOOKUPS CREDENTIAL_LOOKUP("req"), ", req.used_once, req.used_until, req.proof_once, req.proof_until, k.credential_id",
	"coalesce(" SECRET_TAG ", k.tag)", USED_ONCE_WITH_PROOF, "fin", "verdict", ", auth_method, credential, bound_to, credential_id");

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

/* In the order of $1 to $11, of $26, of $27 to $34, and of $35 to $42. */
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

/* The least statement that can check them all. */
static const char *statement_for(const struct store *s, const struct list *requests)
{
	const char *name = s->config->fapi2 ? STMT_ISSUE_PROOF : STMT_ISSUE;
	LIST_EACH (it, requests) {
		const struct issue_request *r = ISSUE_REQUEST(it);
		if (r->credentials.p != NULL || r->binding.p != NULL)
			return STMT_ISSUE_PROOF;
		if (r->bearer != NULL && !s->config->fapi2)
			name = STMT_ISSUE_BEARER;
	}
	return name;
}

const char *issue_statement_put(struct store *s, const struct list *requests, struct str kid, struct pg_params *p)
{
	const struct audit_writer *writer = s->issue.writer;
	struct uuid batch_id = audit_writer_batch(writer);
	put_columns(s, p, columns, sizeof columns / sizeof *columns, requests);
	master_ring_put(p, &s->config->ring);
	pg_put_text(p, kid);
	pg_put_uuid(p, &batch_id);
	audit_writer_put(writer, p);
	put_columns(s, p, method_columns, sizeof method_columns / sizeof *method_columns, requests);
	const char *name = statement_for(s, requests);
	if (str_eq(str_of(name), STR(STMT_ISSUE)))
		return name;
	put_columns(s, p, bearer_columns, sizeof bearer_columns / sizeof *bearer_columns, requests);
	if (str_eq(str_of(name), STR(STMT_ISSUE_PROOF))) {
		put_columns(s, p, proof_columns, sizeof proof_columns / sizeof *proof_columns, requests);
		pg_put_bool(p, s->config->fapi2);
	}
	return name;
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
