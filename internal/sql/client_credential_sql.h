/* The statements about clients' credentials besides their secrets, shared by the gateway's
 * serving connection and by m2mctl. Each is one statement, so that an act, its refusal too, and
 * the row that records it commit together. client_credential_statement.h fills in the parameters
 * and reads the rows. */
#ifndef M2M_SQL_CLIENT_CREDENTIAL_SQL_H
#define M2M_SQL_CLIENT_CREDENTIAL_SQL_H

#include "sql/admin_sql.h"
#include "sql/secret_sql.h"

/* clang-format off */

/* Whether client `c` may show a credential of the kind. */
#define KIND_ALLOWED(c, kind) "'" kind "' = any (coalesce(" c ".auth_methods, '{secret}'))"

/* Columns 1 to 13 of the answers, behind the outcome; `o` has the organization's id. */
#define SQL_CLIENT_CREDENTIAL_COLUMNS(k, o) \
	k ".client_id, " k ".credential_id, " k ".name, " k ".public_jwk, " k ".created_at, " k ".expires_at, " o ".organization_id, " \
	k ".kind, " k ".issuer, " k ".subject, " k ".audience, " k ".claims::text, " k ".may_replay"

#define SQL_CLIENT_CREDENTIALS_MAX "8" /* of a kind, that a client has at once */

#define SQL_CLIENT_CREDENTIAL_TARGET \
	" select o.organization_id, o.slug, c.client_id, case when o.slug is null then 'organization_not_found'" \
	"   when c.client_id is null then 'client_not_found' else 'granted' end as outcome" \
	" from (select) one left join m2m.organization o on " SQL_IS_ORG("o", "$7", "$8") \
	" left join m2m.client c on c.organization_id = o.organization_id and c.client_id = $9::text and c.deleted_at is null"

/* Of client `c`, with the columns that SQL_CLIENT_CREDENTIAL_COLUMNS names. */
#define ITS_CREDENTIALS \
	"select k.client_id, k.credential_id, k.name, k.public_jwk, k.created_at, k.expires_at, k.kind, k.issuer, k.subject, k.audience, k.claims, k.may_replay," \
	"  null::text as hint from m2m.client_credential k where k.client_id = c.client_id and k.ended_at is null"
#define ITS_SECRETS \
	"select s.client_id, s.version::text, '', null, s.created_at, s.expires_at, 'secret', null, null, null, null, null, s.hint" \
	" from m2m.client_secret s where s.client_id = c.client_id and " SECRET_MAY_BE_LIVE("s") " and " SECRET_IS_LIVE("s")

/* $1 slug or null, $2 id or null, $3 client_id, $4 kind or null: any, $5 credential_id or null:
 * all. The credentials that weren't removed, and unless one is asked for the live secrets, oldest
 * first; a row of nulls when there is none. `credential_not_found`. Columns 14 to 18: its last use,
 * and a secret's hint. */
#define SQL_CLIENT_CREDENTIAL_LIST \
	"select case when o.slug is null then 'organization_not_found' when c.client_id is null then 'client_not_found'" \
	"  when k.client_id is null and $5::text is not null then 'credential_not_found' else 'granted' end, " SQL_CLIENT_CREDENTIAL_COLUMNS("k", "o") \
	"  , u.last_used_at, u.remote_addr, u.user_agent, u.unknown_until, k.hint" \
	" from (select) one left join m2m.organization o on " SQL_IS_ORG("o", "$1", "$2") \
	" left join m2m.client c on c.organization_id = o.organization_id and c.client_id = $3::text and c.deleted_at is null" \
	" left join lateral (" ITS_CREDENTIALS " and k.credential_id = coalesce($5::text, k.credential_id)" \
	"  union all " ITS_SECRETS " and $5::text is null) k on k.kind = coalesce($4::text, k.kind)" \
	" left join lateral m2m.credentials_last_used(c.client_id) u on u.kind = k.kind and u.credential_id = k.credential_id" \
	" order by k.created_at, k.credential_id"

/* $1..$6, $7 slug or null, $8 id or null, $9 client_id, $10 credential_id text, $11 kind text, $12
 * name text or null, $13 expires_at timestamptz or null, $14 public_jwk text (of a key), and of a
 * workload $15 issuer, $16 subject, $17 audience, $18 claims (JSON), all text, $19 may_replay
 * (true or false). The client may show such credentials from then on: auth_methods has the kind.
 * `already_exists`: it has this one; `too_many_credentials`: it has SQL_CLIENT_CREDENTIALS_MAX
 * of the kind, those counted whose end has come; `profile_unmet`: its profile forbids the kind. */
#define SQL_CLIENT_CREDENTIAL_ADD \
	"with target as (" SQL_CLIENT_CREDENTIAL_TARGET ")" \
	/* of two that add at once the second waits here, and then counts the first one's */ \
	", client as materialized (select c.client_id, c.profile is distinct from 'fapi2' or $11::text in ('key', 'certificate') as met from target join m2m.client c on c.client_id = target.client_id and c.deleted_at is null" \
	"  for no key update of c)" \
	", has as materialized (select client.client_id, client.met, k.credentials, k.present from client" \
	"  cross join lateral m2m.client_credentials_now(client.client_id, $10::text, $11::text) k)" \
	", made as (insert into m2m.client_credential (client_id, credential_id, kind, name, expires_at, public_jwk, issuer, subject, audience, claims, may_replay)" \
	"  select has.client_id, $10::text, $11::text, coalesce($12::text, ''), $13::timestamptz, $14::text, $15::text, $16::text, $17::text, $18::text::jsonb, $19::text::bool from has" \
	"  where has.met and not has.present and has.credentials < " SQL_CLIENT_CREDENTIALS_MAX " returning *)" \
	", allowed as (update m2m.client c set auth_methods = case when $11::text = any (coalesce(c.auth_methods, '{secret}')) then c.auth_methods" \
	"   else coalesce(c.auth_methods, '{secret}') || $11::text end" \
	"  from made where c.client_id = made.client_id)" \
	", answer as (select target.*, case when target.outcome <> 'granted' or made.client_id is not null then target.outcome" \
	/* another one deleted the client after this statement had begun */ \
	"   when has.client_id is null then 'client_not_found' when not has.met then 'profile_unmet' when has.present then 'already_exists' else 'too_many_credentials' end as result" \
	"  from target left join has on true left join made on true)" \
	", recorded as (insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	"  select 'add_' || $11::text, result, organization_id, client_id, null," \
	"   jsonb_strip_nulls(jsonb_build_object('credential', $10::text, 'name', $12::text, 'expires_at', $13::timestamptz," \
	"    'issuer', $15::text, 'subject', $16::text, 'audience', $17::text, 'claims', $18::text::jsonb)), " SQL_ACT_ORIGIN " from answer)" \
	" select answer.result, " SQL_CLIENT_CREDENTIAL_COLUMNS("made", "answer") " from answer left join made on true"

/* $1..$6, $7 slug or null, $8 id or null, $9 client_id, $10 credential_id, $11 kind or null: any.
 * From its commit on nobody gets a token with it. `credential_not_found`. */
#define SQL_CLIENT_CREDENTIAL_REMOVE \
	"with target as (" SQL_CLIENT_CREDENTIAL_TARGET ")" \
	", ended as (update m2m.client_credential k set ended_at = clock_timestamp() from target" \
	"  where k.client_id = target.client_id and k.credential_id = $10::text and k.ended_at is null and k.kind = coalesce($11::text, k.kind) returning k.*)" \
	", answer as (select target.*, case when target.outcome = 'granted' and ended.client_id is null then 'credential_not_found' else target.outcome end as result" \
	"  from target left join ended on true)" \
	", recorded as (insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	"  select 'remove_' || coalesce(ended.kind, $11::text, 'credential'), result, organization_id, answer.client_id, null," \
	"   jsonb_build_object('credential', $10::text), " SQL_ACT_ORIGIN " from answer left join ended on true)" \
	" select answer.result, " SQL_CLIENT_CREDENTIAL_COLUMNS("ended", "answer") " from answer left join ended on true"

/* $1 client_id. What a worker needs to check an assertion: every live key and workload of the
 * client, whoever asks. It decides nothing: the issuing statement looks again. */
#define SQL_CLIENT_KEYS \
	"select k.credential_id, k.public_jwk, k.issuer, k.subject, k.audience, k.claims::text, k.may_replay from m2m.client_credential k" \
	" where k.client_id = $1::text and k.kind in ('key', 'workload') and " CREDENTIAL_IS_LIVE("k") " order by k.created_at"

/* clang-format on */

#endif
