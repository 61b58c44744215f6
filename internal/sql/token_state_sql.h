/* The statements about what becomes of a token: introspection (RFC 7662), revocation (RFC 7009)
 * and the list of what was revoked. Each is one statement, that decides whether its caller may
 * ask and what the token is worth, in the database now. Parameters are listed beside each text;
 * token_state.c of store/ fills them in. Every statement answers exactly one row. */
#ifndef M2M_SQL_TOKEN_STATE_SQL_H
#define M2M_SQL_TOKEN_STATE_SQL_H

#include "sql/credential_sql.h"

/* clang-format off */

/* ---- who asks ---- */

#define ASKED_SECRET    "s.client_id = asked.client_id and " SECRET_MAY_BE_LIVE("s") " and " SECRET_IS_LIVE("s")
#define ASKED_RIGHT     ASKED_SECRET " and s.verifier = substr(asked.verifiers, 32 * array_position(asked.ring, s.key_id) - 31, 32)"
#define ASKED_OTHER_KEY ANY_OF("m2m.client_secret", "s", ASKED_SECRET " and s.key_id <> all(asked.ring)")
#define ASKED_NETWORK   NETWORK_ALLOWED("asked.remote_addr", "c.allowed_networks") " and " NETWORK_ALLOWED("asked.remote_addr", "o.allowed_networks")

/* A client that authenticates itself: $1 client_id text, $2 verifiers bytea and $3 ring text[] as
 * the issuing statement has them, $4 remote_addr text or null. Gives one row `caller`: (outcome,
 * organization_id, client_id, roles). */
#define SQL_CLIENT_ITSELF \
	"with caller as (" \
	" select case when o.organization_id is null then 'invalid_client'" \
	"   when s.version is null and " ASKED_OTHER_KEY " then 'key_missing' when s.version is null then 'invalid_client'" \
	"   when not (" ASKED_NETWORK ") then 'network_not_allowed' else 'granted' end as outcome," \
	"  c.organization_id, c.client_id, c.roles" \
	" from (select $1::text as client_id, $2::bytea as verifiers, $3::text[] as ring, $4::text as remote_addr) asked" \
	LOOKUP("c", "m2m.client", "c.client_id = asked.client_id and c.disabled_at is null") \
	LOOKUP("o", "m2m.organization", "o.organization_id = c.organization_id and o.disabled_at is null") \
	LOOKUP("s", "m2m.client_secret", ASKED_RIGHT) ")"

/* What it may ask as the server of an API, whichever organization a token is of. */
#define RESOURCE_SERVER_REFUSED "when caller.outcome <> 'granted' then caller.outcome when not 'resource_server' = any (caller.roles) then 'forbidden'"
/* A bearer: an admin, or, where `platform` says so, the platform's, which has no organization. */
#define BEARER_REFUSED_UNLESS(platform) "when " platform "::bool then null " CALLER_REFUSED " when not caller.admin then 'forbidden'"

/* ---- the token ---- */

/* $5 kid text, null where it can't be a token of ours; $6 whether its signature is good, bool,
 * else the gateway doesn't know its key and nothing of it is believed; $7 jti uuid or null, $8
 * client_id text and $9 secret_version int4, null for an operator's; $10 organization_id uuid,
 * null for the platform's; $11 iat int8, $12 exp int8. */

/* The gateway's snapshot of the keys lacks one that the database has: it reads them again. */
#define TOKEN_KEY_IS_NEWER "(not $6::bool and " ANY_OF("m2m.signing_key", "k", "k.kid = $5::text and k.state <> 'revoked'") " is true)"

#define TOKEN_LOOKUPS \
	LOOKUP("tc", "m2m.client", "tc.client_id = $8::text and tc.organization_id = $10::uuid and tc.disabled_at is null") \
	LOOKUP("own", "m2m.organization", "own.organization_id = $10::uuid and own.disabled_at is null")
/* That a secret has ended says nothing: its tokens stay good for the Public API until they expire
 * or are ended too. */
#define TOKEN_IS_ACTIVE \
	"coalesce($6::bool and to_timestamp($12::int8) > statement_timestamp()" \
	" and " ANY_OF("m2m.signing_key", "k", "k.kid = $5::text and k.state <> 'revoked'") \
	" and ($10::uuid is null and $8::text is null or own.organization_id is not null)" \
	" and ($8::text is null or tc.client_id is not null)" \
	" and not " TOKEN_HAS_ENDED("$7::uuid", "$10::uuid", "$8::text", "$9::int4", "$11::int8") ", false)"

/* ---- introspection: answers (outcome, organization_id of the caller, active) ---- */

/* $1..$4 the client, $5..$12 the token. */
#define SQL_INTROSPECT_BY_CLIENT \
	SQL_CLIENT_ITSELF \
	" select case " RESOURCE_SERVER_REFUSED " when " TOKEN_KEY_IS_NEWER " then 'stale_key' else 'granted' end," \
	"  caller.organization_id, " TOKEN_IS_ACTIVE " from caller" TOKEN_LOOKUPS

/* $1..$4 the bearer, $5..$12 the token, $13 to $17 as SQL_CALLER's last, $18 whether the bearer
 * is the platform's. An admin is told of its own organization's tokens. */
#define SQL_INTROSPECT_BY_BEARER \
	SQL_CALLER("$13", "$14", "$15", "$16", "$17") \
	" select coalesce(case " BEARER_REFUSED_UNLESS("$18") " end, case when " TOKEN_KEY_IS_NEWER " then 'stale_key' else 'granted' end)," \
	"  caller.organization_id, ($18::bool or $10::uuid is not distinct from caller.organization_id) and " TOKEN_IS_ACTIVE \
	" from (select) one left join caller on true" TOKEN_LOOKUPS

/* ---- revocation: answers (outcome, organization_id of the caller) ---- */

/* $1..$4 the client, $5..$12 the token, $13 actor text, $14 request_id uuid, $15 transport
 * "char", $16 remote_addr text or null, $17 user_agent text or null, $18 traceparent text or
 * null. A token of another client, an expired one and one that was revoked before change
 * nothing. */
#define SQL_TOKEN_REVOKE \
	SQL_CLIENT_ITSELF \
	", verdict as (" \
	" select case when outcome <> 'granted' then outcome when " TOKEN_KEY_IS_NEWER " then 'stale_key' else 'granted' end as outcome," \
	"  organization_id, client_id from caller)" \
	", revoked as (" \
	" insert into m2m.revoked_token (jti, expires_at, client_id, organization_id, revoked_by)" \
	" select $7::uuid, to_timestamp($12::int8), v.client_id, v.organization_id, $13::text from verdict v" \
	" where v.outcome = 'granted' and $6::bool and $7::uuid is not null and v.client_id = $8::text and v.organization_id = $10::uuid" \
	"  and to_timestamp($12::int8) > greatest(to_timestamp($11::int8), statement_timestamp())" \
	" on conflict do nothing returning jti, client_id, organization_id)" \
	", recorded as (" \
	" insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, detail, " SQL_ORIGIN_COLUMNS ")" \
	" select 'revoke_token', 'granted', organization_id, client_id, $9::int4, jsonb_build_object('jti', jti)," \
	"  $13::text, $14::uuid, $15::\"char\", $16::text::inet, $17::text, $18::text from revoked)" \
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

/* $1..$4 the client. */
#define SQL_REVOCATIONS_BY_CLIENT \
	SQL_CLIENT_ITSELF \
	", verdict as (select case " RESOURCE_SERVER_REFUSED " else 'granted' end as outcome, organization_id, true as everywhere from caller)" \
	SQL_LIST_OF_VERDICT

/* $1..$4 the bearer, $5 to $9 as SQL_CALLER's last, $10 whether it is the platform's. */
#define SQL_REVOCATIONS_BY_BEARER \
	SQL_CALLER("$5", "$6", "$7", "$8", "$9") \
	", verdict as (select coalesce(case " BEARER_REFUSED_UNLESS("$10") " end, 'granted') as outcome, caller.organization_id, $10::bool as everywhere" \
	" from (select) one left join caller on true)" SQL_LIST_OF_VERDICT

/* clang-format on */

#endif
