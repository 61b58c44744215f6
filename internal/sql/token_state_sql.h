/* The statements about what becomes of a token: introspection (RFC 7662), revocation (RFC 7009)
 * and the list of what was revoked. Each is one statement, that decides whether its caller may
 * ask and what the token is worth, in the database now. Parameters are listed beside each text;
 * token_state.c of store/ fills them in. Each answers one row, but for introspections that travel
 * together. */
#ifndef M2M_SQL_TOKEN_STATE_SQL_H
#define M2M_SQL_TOKEN_STATE_SQL_H

#include "sql/client_auth_sql.h"
#include "sql/credential_sql.h"

/* clang-format off */

/* ---- who asks ---- */

#define ASKED_NETWORK NETWORK_ALLOWED("asked.remote_addr", "c.allowed_networks") " and " NETWORK_ALLOWED("asked.remote_addr", "o.allowed_networks")

/* Of a client that authenticates itself, as a row `asked` has it: what client_auth_sql.h says, and
 * remote_addr text or null. `cases` are those of the secret, or of any credential. */
#define CLIENT_REFUSED(cases) \
	"when o.organization_id is null then 'invalid_client'" cases " when not (" ASKED_NETWORK ") then 'network_not_allowed'"
#define CLIENT_LOOKUPS(ring) \
	LOOKUP("c", "m2m.client", "c.client_id = asked.client_id and c.disabled_at is null") \
	LOOKUP("o", "m2m.organization", "o.organization_id = c.organization_id and o.disabled_at is null") \
	SECRET_LOOKUP("asked", ring)

/* $1 client_id, $2 verifiers, $3 ring, $4 remote_addr, and of a credential in place of a secret, at
 * parameters that the caller numbers, auth_method, credentials, used_once, used_until, fapi2, and
 * `held` (client_auth_sql.h). Gives one row `fin`: (verdict, organization_id, client_id, roles,
 * and `more`); `refused` are further cases, before which nothing is used up. */
#define SQL_CLIENT_ITSELF(auth_method, credentials, used_once, used_until, fapi2, held, refused, more, from) \
	"with dec as (" \
	" select case " CLIENT_REFUSED(CREDENTIAL_CASES("asked", "$3", held "::bool")) refused " else 'granted' end as outcome," \
	"  c.organization_id, c.client_id, c.roles, asked.used_once, asked.used_until, 1::int8 as ord" more \
	" from (select $1::text as client_id, $2::bytea as verifiers, $4::text as remote_addr, " auth_method "::\"char\" as auth_method," \
	"  " credentials "::text as credentials, " used_once "::bytea as used_once, " used_until "::int8 as used_until, " fapi2 "::bool as fapi2) asked" \
	CLIENT_LOOKUPS("$3") CREDENTIAL_LOOKUP("asked") from ")," USED_ONCE_BY_ASSERTION

/* What it may ask as the server of an API, whichever organization a token is of. */
#define RESOURCE_SERVER_REFUSED " when not 'resource_server' = any (c.roles) then 'forbidden'"
/* A bearer: an admin, or, where `platform` says so, the platform's, which has no organization. */
#define BEARER_REFUSED_UNLESS(platform) "when " platform "::bool then null " CALLER_REFUSED " when not caller.admin then 'forbidden'"

/* ---- the token ---- */

/* A row `t`: kid text, null where it can't be a token of ours; verified bool, whether its
 * signature is good, else the gateway doesn't know its key and nothing of it is believed; jti uuid
 * or null; client_id text and version int4, null for an operator's; organization_id uuid, null for
 * the platform's; iat int8, exp int8. */
#define TOKEN_OF_PARAMETERS \
	" (select $5::text as kid, $6::bool as verified, $7::uuid as jti, $8::text as client_id, $9::int4 as version," \
	" $10::uuid as organization_id, $11::int8 as iat, $12::int8 as exp) t"

#define TOKEN_KEY ANY_OF("m2m.signing_key", "sk", "sk.kid = t.kid and sk.state <> 'revoked'")
/* The gateway's snapshot of the keys lacks one that the database has: it reads them again. */
#define TOKEN_KEY_IS_NEWER "(not t.verified and " TOKEN_KEY " is true)"

#define TOKEN_LOOKUPS \
	LOOKUP("tc", "m2m.client", "tc.client_id = t.client_id and tc.organization_id = t.organization_id and tc.disabled_at is null") \
	LOOKUP("own", "m2m.organization", "own.organization_id = t.organization_id and own.disabled_at is null")
/* That a secret has ended says nothing: its tokens stay good for the Public API until they expire
 * or are ended too. */
#define TOKEN_IS_ACTIVE \
	"coalesce(t.verified and to_timestamp(t.exp) > statement_timestamp() and " TOKEN_KEY \
	" and (t.organization_id is null and t.client_id is null or own.organization_id is not null)" \
	" and (t.client_id is null or tc.client_id is not null)" \
	" and not " TOKEN_HAS_ENDED("t.jti", "t.organization_id", "t.client_id", "t.version", "t.iat") ", false)"

/* ---- introspection: answers (outcome, organization_id of the caller, active, ord) ---- */

/* Many at once, by clients. $1 client_id text[], $2 verifiers bytea[], $3 remote_addr text[], $4
 * kid text[], $5 verified bool[], $6 jti uuid[], $7 client_id text[], $8 version int4[], $9
 * organization_id uuid[], $10 iat int8[], $11 exp int8[], of one length; $12 ring text[]. A row
 * for each, in any order; ord is its place, from 1. Unnested in the select list, as the issuing
 * statement does. */
#define SHOWN_TO_INTROSPECT(more_columns) \
	"with shown as (select unnest($1::text[]) as asked_by, unnest($2::bytea[]) as verifiers, unnest($3::text[]) as remote_addr," \
	"  unnest($4::text[]) as kid, unnest($5::bool[]) as verified, unnest($6::uuid[]) as jti, unnest($7::text[]) as client_id," \
	"  unnest($8::int4[]) as version, unnest($9::uuid[]) as organization_id, unnest($10::int8[]) as iat, unnest($11::int8[]) as exp," \
	"  generate_series(1::int8, cardinality($1::text[])) as ord" more_columns ")"
#define INTROSPECT_SHOWN(cases, more_columns, more_lookups, more_kept) \
	" select case " CLIENT_REFUSED(cases) RESOURCE_SERVER_REFUSED \
	"   when " TOKEN_KEY_IS_NEWER " then 'stale_key' else 'granted' end as outcome, c.organization_id, " TOKEN_IS_ACTIVE " as active, t.ord" more_kept \
	" from shown t cross join lateral (select t.asked_by as client_id, t.verifiers, t.remote_addr" more_columns ") asked" CLIENT_LOOKUPS("$12") \
	more_lookups TOKEN_LOOKUPS

/* Most clients show secrets: their batches write nothing. */
#define SQL_INTROSPECT_BY_CLIENTS SHOWN_TO_INTROSPECT("") INTROSPECT_SHOWN(SECRET_CASES("asked", "$12"), "", "", "")

/* Where one of them shows another credential: $13 auth_method "char"[], $14 credentials text[], $15
 * used_once bytea[], $16 used_until int8[], $17 fapi2 bool[]; $18 held bool. */
#define SQL_INTROSPECT_BY_CREDENTIALS \
	SHOWN_TO_INTROSPECT(", unnest($13::\"char\"[]) as auth_method, unnest($14::text[]) as credentials, unnest($15::bytea[]) as used_once," \
	"  unnest($16::int8[]) as used_until, unnest($17::bool[]) as fapi2") \
	", dec as (" INTROSPECT_SHOWN(CREDENTIAL_CASES("asked", "$12", "$18::bool"), ", t.auth_method, t.credentials, t.used_once, t.used_until, t.fapi2", \
	CREDENTIAL_LOOKUP("asked"), ", t.used_once, t.used_until") ")," USED_ONCE_BY_ASSERTION \
	" select verdict, organization_id, active, ord from fin"

/* $1..$4 the bearer, $5..$12 the token as TOKEN_OF_PARAMETERS has it, $13 to $17 as SQL_CALLER's
 * last, $18 whether the bearer is the platform's. An admin is told of its own organization's
 * tokens. */
#define SQL_INTROSPECT_BY_BEARER \
	SQL_CALLER("$13", "$14", "$15", "$16", "$17") \
	" select coalesce(case " BEARER_REFUSED_UNLESS("$18") " end, case when " TOKEN_KEY_IS_NEWER " then 'stale_key' else 'granted' end)," \
	"  caller.organization_id, ($18::bool or t.organization_id is not distinct from caller.organization_id) and " TOKEN_IS_ACTIVE ", 1::int8" \
	" from" TOKEN_OF_PARAMETERS " left join caller on true" TOKEN_LOOKUPS

/* ---- revocation: answers (outcome, organization_id of the caller) ---- */

/* $1..$4 the client, $5..$12 the token, $13 actor text, $14 request_id uuid, $15 transport
 * "char", $16 remote_addr text or null, $17 user_agent text or null, $18 traceparent text or
 * null, $19 to $24 the client's other credential. A token of another client, an expired one and
 * one that was revoked before change nothing. */
#define SQL_TOKEN_REVOKE \
	SQL_CLIENT_ITSELF("$19", "$20", "$21", "$22", "$23", "$24", " when " TOKEN_KEY_IS_NEWER " then 'stale_key'", \
	", t.jti, t.version, to_timestamp(t.exp) as expires_at," \
	"  t.verified and t.client_id = c.client_id and t.organization_id = c.organization_id as own", " cross join" TOKEN_OF_PARAMETERS) \
	", verdict as (select verdict as outcome, organization_id, client_id, jti, version, expires_at, own from fin)" \
	", revoked as (" \
	" insert into m2m.revoked_token (jti, expires_at, client_id, organization_id, revoked_by)" \
	" select jti, expires_at, client_id, organization_id, $13::text from verdict" \
	" where outcome = 'granted' and own and jti is not null and expires_at > statement_timestamp()" \
	" on conflict do nothing returning jti, client_id, organization_id)" \
	", recorded as (" \
	" insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, detail, " SQL_ORIGIN_COLUMNS ")" \
	" select 'revoke_token', 'granted', r.organization_id, r.client_id, nullif(v.version, 0), jsonb_build_object('jti', r.jti)," \
	"  $13::text, $14::uuid, $15::\"char\", $16::text::inet, $17::text, $18::text from revoked r cross join verdict v)" \
	" select outcome, organization_id from verdict"

/* ---- the list: answers (outcome, organization_id of the caller, JSON text) ---- */

#define OF_ORGANIZATION(t) " (verdict.everywhere or " t ".organization_id = verdict.organization_id)"
#define EPOCH(time) "ceil(extract(epoch from " time "))::int8"
/* A list of one row for each, in one order, so that the same list has the same bytes. */
#define SQL_LIST_OF_VERDICT \
	" select outcome, organization_id, case when outcome = 'granted' then '{\"revocations\":[' || coalesce((" \
	"   select string_agg(format('{\"jti\":\"%s\",\"exp\":%s}', r.jti, " EPOCH("r.expires_at") "), ',' order by r.expires_at, r.jti)" \
	"   from m2m.revoked_token r where r.expires_at > statement_timestamp() and" OF_ORGANIZATION("r") "), '') || '],\"not_before\":[' || coalesce((" \
	"   select string_agg(format('{\"%s\":\"%s\"%s,\"not_before\":%s,\"exp\":%s}', case when e.client_id = '' then 'organization_id' else 'client_id' end," \
	"     case when e.client_id = '' then e.organization_id::text else e.client_id end," \
	"     case when e.secret_version > 0 then format(',\"secret_version\":%s', e.secret_version) else '' end," \
	"     " EPOCH("least(e.not_before, e.expires_at)") ", " EPOCH("e.expires_at") ")," \
	"     ',' order by e.organization_id, e.client_id, e.secret_version)" \
	"   from m2m.tokens_ended e where e.expires_at > statement_timestamp() and e.credential = '' and" OF_ORGANIZATION("e") "), '') || ']}' end" \
	" from verdict"

/* $1..$4 the client, $5 to $10 its other credential. */
#define SQL_REVOCATIONS_BY_CLIENT \
	SQL_CLIENT_ITSELF("$5", "$6", "$7", "$8", "$9", "$10", RESOURCE_SERVER_REFUSED, "", "") \
	", verdict as (select verdict as outcome, organization_id, true as everywhere from fin)" \
	SQL_LIST_OF_VERDICT

/* $1..$4 the bearer, $5 to $9 as SQL_CALLER's last, $10 whether it is the platform's. */
#define SQL_REVOCATIONS_BY_BEARER \
	SQL_CALLER("$5", "$6", "$7", "$8", "$9") \
	", verdict as (select coalesce(case " BEARER_REFUSED_UNLESS("$10") " end, 'granted') as outcome, caller.organization_id, $10::bool as everywhere" \
	" from (select) one left join caller on true)" SQL_LIST_OF_VERDICT

/* clang-format on */

#endif
