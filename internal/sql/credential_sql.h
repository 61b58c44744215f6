/* The statements about one client's credentials, shared by the gateway's pipeline and by m2mctl.
 * Each is one statement, so that an act and the row that records it commit together. Parameters
 * are listed beside each text; every statement answers exactly one row.
 *
 * A bearer is either a client's own token (client id and secret version; its organization and
 * roles are the client's, now) or the operator's (no client id; organization and role as
 * signed). "live": its secret version has not ended. */
#ifndef M2M_SQL_CREDENTIAL_SQL_H
#define M2M_SQL_CREDENTIAL_SQL_H

#include "sql/bearer_sql.h"
#include "sql/lookup_sql.h"
#include "sql/network_sql.h"
#include "sql/secret_sql.h"
#include "sql/token_end_sql.h"

#define CALLER_CLIENT "c.client_id = b.client_id and c.disabled_at is null"
#define CALLER_ORGANIZATION                                                                                                                \
	"o.organization_id = case when b.client_id is null then b.organization_id else c.organization_id end and o.disabled_at is null"
#define CALLER_SECRET     BEARER_SECRET_IS_LIVE("s", "b.client_id", "b.version", "b.tag", "b.iat")
#define CALLER_CREDENTIAL BEARER_CREDENTIAL_IS_LIVE("k", "b.client_id", "b.version", "b.tag")
#define CALLER_HAS_ENDED  TOKEN_HAS_ENDED("b.jti", "o.organization_id", "b.client_id", "b.version", "b.iat")
#define CALLER_LOOKUPS    LOOKUP("c", "m2m.client", CALLER_CLIENT) MUST_LOOKUP("o", "m2m.organization", CALLER_ORGANIZATION)

#define CALLER_NETWORK_ALLOWED                                                                                                             \
	"(b.anywhere or " NETWORK_ALLOWED("b.remote_addr", "c.allowed_networks") " and " NETWORK_ALLOWED("b.remote_addr",                  \
													 "o.allowed_networks") ")"

/* $1 bearer's client_id text or null, $2 its secret_version int, $3 operator's organization_id
 * uuid or null, $4 operator is admin bool; as the statement's last five, whose numbers are given
 * here, its tag bytea or null, its iat int8 (0: not ours), the address that it came from
 * text or null, whether it may come from anywhere bool, and its jti uuid or null. Gives one row
 * `caller`, or none: (organization_id, admin, live, near). `live`: it hasn't ended, and neither
 * has its credential. `near`: its client and its organization allow the network that it came
 * from. */
#define SQL_CALLER(tag, iat, address, anywhere, jti)                                                                                       \
	"with caller as ("                                                                                                                 \
	" select o.organization_id, coalesce('admin' = any(c.roles), b.admin) as admin,"                                                   \
	"  (b.client_id is null or exists (select from m2m.client_secret s where " CALLER_SECRET ")"                                       \
	"   or exists (select from m2m.client_credential k where " CALLER_CREDENTIAL "))"                                                  \
	"  and not " CALLER_HAS_ENDED " as live,"                                                                                          \
	"  " CALLER_NETWORK_ALLOWED " as near"                                                                                             \
	" from (select $1::text as client_id, $2::int4 as version, $3::uuid as organization_id, $4::bool as admin, " tag "::bytea as tag," \
	" nullif(" iat "::int8, 0) as iat, " jti "::uuid as jti, " address "::text as remote_addr,"                                        \
	" " anywhere "::bool as anywhere) b" CALLER_LOOKUPS ")"

/* The first reasons to refuse it. */
#define CALLER_REFUSED "when caller.live is not true then 'invalid_token' when not caller.near then 'network_not_allowed'"

/* The caller's organization's default client, or its client $11. */
#define DEFAULT_CLIENT "t.organization_id = caller.organization_id and t.disabled_at is null and t.is_default"
#define TARGET_CLIENT                                                                                                                      \
	"t.organization_id = caller.organization_id and t.disabled_at is null"                                                             \
	" and case when $11::text is null then t.is_default else t.client_id = $11::text end"
#define FIND_DEFAULT_CLIENT LOOKUP("t", "m2m.client", DEFAULT_CLIENT)
#define FIND_TARGET_CLIENT  LOOKUP("t", "m2m.client", TARGET_CLIENT)
#define FIND_ITS_SECRET     LOOKUP("s", "m2m.client_secret", "s.client_id = t.client_id and " SECRET_IS_CURRENT("s"))

/* What a rotation with the idempotency key $13 answered lately. */
#define EARLIER_ROTATION                                                                                                                   \
	"i.organization_id = caller.organization_id and i.idempotency_key = $13::text"                                                     \
	" and i.rotated_at > statement_timestamp() - interval '24 hours'"
#define FIND_EARLIER_ROTATION LOOKUP("i", "m2m.idempotency", EARLIER_ROTATION)
#define FIND_ITS_NEW_SECRET   LOOKUP("s", "m2m.client_secret", "s.client_id = i.client_id and s.version = i.secret_version")

/* $5 actor text, $6 request_id uuid, $7 transport "char", $8 remote_addr text or null, $9
 * user_agent text or null, $10 traceparent text or null. */
#define SQL_ORIGIN_COLUMNS "actor, request_id, transport, remote_addr, user_agent, traceparent"
#define SQL_ORIGIN_VALUES  "$5::text, $6::uuid, $7::\"char\", $8::text::inet, $9::text, $10::text"

/* $1..$4, $5 to $9 as SQL_CALLER's last. Answers (outcome text, client_id text). */
#define SQL_READ_CLIENT_ID                                                                                                                 \
	SQL_CALLER("$5", "$6", "$7", "$8", "$9")                                                                                           \
	" select case " CALLER_REFUSED " when t.client_id is null then 'client_not_found' else 'granted' "                                 \
	"end,"                                                                                                                             \
	"  t.client_id"                                                                                                                    \
	" from (select) one left join caller on true" FIND_DEFAULT_CLIENT

/* $1..$4, $5 client_id text, $6 jti uuid, $7 secret_version int, $8 remote_addr text, $9 since,
 * $10 until, $11 below this time and $12 jti; each or null. $13 rows int,
 * $14 to $18 as SQL_CALLER's last, $19 auth_method and $20 credential text, each or null.
 * Answers (outcome, and what m2m.organization_token_list answers) for each row, or once, with
 * nulls, when there is none. */
#define SQL_TOKEN_LIST                                                                                                                     \
	SQL_CALLER("$14", "$15", "$16", "$17", "$18")                                                                                      \
	" select case " CALLER_REFUSED " when not caller.admin then 'forbidden' else 'granted' end, t.*"                                   \
	" from (select) one left join caller on true left join lateral m2m.organization_token_list("                                       \
	"  case when caller.live and caller.near and caller.admin then caller.organization_id end, $5::text, $6::uuid, $7::int4, "         \
	"$8::text::inet,"                                                                                                                  \
	"  $9::timestamptz, $10::timestamptz, $11::timestamptz, $12::uuid, $13::int4, $19::text, $20::text) t on true"

/* $1..$10, $11 client_id text (null: the organization's default client), $12 ring text[], $13 to
 * $17 as SQL_CALLER's last. Answers (outcome, client_id, organization_id, version, key_id, salt,
 * verifier, created_at); records the reading, refused or not, of every live caller. */
#define SQL_READ_SECRET                                                                                                                    \
	SQL_CALLER("$13", "$14", "$15", "$16", "$17")                                                                                      \
	", target as ("                                                                                                                    \
	" select case " CALLER_REFUSED " when not caller.admin then 'forbidden'"                                                           \
	"   when s.client_id is null then 'client_not_found' when s.key_id <> all($12::text[]) then 'key_missing' else 'granted' end as "  \
	"outcome,"                                                                                                                         \
	"  t.client_id, caller.organization_id, s.version, s.key_id, s.salt, s.verifier, s.created_at"                                     \
	" from (select) one left join caller on true" FIND_TARGET_CLIENT FIND_ITS_SECRET "), recorded as ("                                \
	" insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, " SQL_ORIGIN_COLUMNS ")"               \
	" select 'read_secret', outcome, organization_id, client_id, version, " SQL_ORIGIN_VALUES                                          \
	" from target where outcome <> 'invalid_token')"                                                                                   \
	" select * from target"

/* $1..$10, $11 client_id text (null: default), $12 ring text[], $13 idempotency_key text or
 * null, $14 request_hash bytea, $15 bearer_hash bytea or null,
 * $16 to $20 as SQL_CALLER's last.
 * Answers (outcome, client_id, organization_id, version, key_id, salt, verifier, rotated_at,
 * previous_secret_expires_at). Outcome `granted`: version is the one to be replaced; `replay`:
 * version, key and times are the earlier answer's. A replay is also given, for ten minutes, to
 * the bearer that the rotation itself ended. Refusals of live callers and replays are recorded
 * here, the rotation itself by SQL_ROTATE. */
#define SQL_ROTATE_BEGIN                                                                                                                   \
	SQL_CALLER("$16", "$17", "$18", "$19", "$20")                                                                                      \
	", target as ("                                                                                                                    \
	" select case when caller.organization_id is null then 'invalid_token'"                                                            \
	"   when not caller.live and not coalesce(i.bearer_hash = $15::bytea and i.request_hash = $14::bytea"                              \
	"    and i.rotated_at > statement_timestamp() - interval '10 minutes', false) then 'invalid_token'"                                \
	"   when not caller.near then 'network_not_allowed'"                                                                               \
	"   when not caller.admin then 'forbidden'"                                                                                        \
	"   when i.request_hash <> $14::bytea then 'idempotency_key_reused'"                                                               \
	"   when i.client_id is not null then case when s.key_id <> all($12::text[]) then 'key_missing' else 'replay' end"                 \
	"   when t.client_id is null then 'client_not_found' else 'granted' end as outcome,"                                               \
	"  coalesce(i.client_id, t.client_id) as client_id, caller.organization_id, coalesce(i.secret_version, t.secret_version) as "      \
	"version,"                                                                                                                         \
	"  s.key_id, s.salt, s.verifier, i.rotated_at, i.previous_secret_expires_at"                                                       \
	" from (select) one left join caller on true" FIND_TARGET_CLIENT FIND_EARLIER_ROTATION FIND_ITS_NEW_SECRET "), recorded as ("      \
	" insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, " SQL_ORIGIN_COLUMNS ")"               \
	" select 'rotate_secret', outcome, organization_id, client_id, version, " SQL_ORIGIN_VALUES " from target"                         \
	" where outcome not in ('granted', 'invalid_token'))"                                                                              \
	" select * from target"

/* $1..$10, $11 client_id text, $12 version that was read int, $13 key_id text, $14 salt bytea,
 * $15 verifier bytea, $16 hint text, $17 grace_seconds int,
 * $18 idempotency_key text or null, $19 request_hash bytea, $20 bearer_hash bytea or null,
 * $21 revoke_tokens bool, $22 to $26 as SQL_CALLER's last.
 * Answers (outcome, rotated_at, previous_secret_expires_at); outcome `conflict`: the version
 * moved on, read again; `invalid_token`, `network_not_allowed`, `forbidden`: the bearer's rights
 * ended meanwhile. previous_secret_expires_at is -infinity without grace.
 *
 * A compare-and-set: of two rotations that read the same version, the second waits for the first
 * one's row lock and then finds no row. The time is taken after that lock was got
 * (clock_timestamp), so a grace is never shortened by the wait and never ends a version before
 * it began. The statement's snapshot is younger than the commit of the version that was read, so
 * it sees every earlier version's row. */
#define ROTATION_ENDS SECRET_MAY_BE_LIVE("s")
#define ROTATION_ENDS_TOKENS                                                                                                               \
	SQL_END_TOKENS(" select m.organization_id, m.client_id, e.version,"                                                                \
		       "  case when $17::int4 = 0 then 'infinity' else " TOKENS_NOT_BEFORE("m.at") " end, " LAST_TOKEN_EXPIRES(            \
			       "m", "m.at") " from moment m, ended e where $21::bool")
#define SQL_ROTATE                                                                                                                         \
	SQL_CALLER("$22", "$23", "$24", "$25", "$26")                                                                                      \
	", advanced as ("                                                                                                                  \
	" update m2m.client c set secret_version = c.secret_version + 1 from caller"                                                       \
	" where c.client_id = $11::text and c.secret_version = $12::int4 and c.disabled_at is null"                                        \
	"  and c.organization_id = caller.organization_id and caller.live and caller.near and caller.admin"                                \
	" returning c.client_id, c.organization_id, c.secret_version as version, c.token_lifetime, c.tokens_until)"                        \
	", moment as materialized (select *, clock_timestamp() as at from advanced)"                                                       \
	", ended as ("                                                                                                                     \
	" update m2m.client_secret s set ended_at = coalesce(s.ended_at, m.at),"                                                           \
	"  expires_at = case when $17::int4 = 0 then '-infinity' else least(s.expires_at, m.at + make_interval(secs => $17::int4)) end"    \
	" from moment m where s.client_id = m.client_id and " ROTATION_ENDS                                                                \
	" returning s.version)" /* `ended` is read to its end first: one version has no end */                                             \
	", tokens_ended as (" ROTATION_ENDS_TOKENS ")"                                                                                     \
	", made as ("                                                                                                                      \
	" insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at)"                                    \
	" select m.client_id, m.version, $13::text, $14::bytea, $15::bytea, $16::text, m.at from moment m, (select count(*) from ended) e" \
	" returning version)"                                                                                                              \
	", answer as ("                                                                                                                    \
	" select m.*, case when $17::int4 = 0 then '-infinity' else m.at + make_interval(secs => $17::int4) end as "                       \
	"previous_secret_expires_at"                                                                                                       \
	" from moment m)"                                                                                                                  \
	", remembered as ("                                                                                                                \
	" insert into m2m.idempotency select organization_id, $18::text, $19::bytea, coalesce($20::bytea, ''), client_id, version, at,"    \
	"  previous_secret_expires_at from answer where $18::text is not null"                                                             \
	" on conflict (organization_id, idempotency_key) do update set request_hash = excluded.request_hash, bearer_hash = "               \
	"excluded.bearer_hash,"                                                                                                            \
	"  client_id = excluded.client_id, secret_version = excluded.secret_version, rotated_at = excluded.rotated_at,"                    \
	"  previous_secret_expires_at = excluded.previous_secret_expires_at)"                                                              \
	", recorded as ("                                                                                                                  \
	" insert into m2m.admin_audit (at, action, outcome, organization_id, client_id, secret_version, detail, " SQL_ORIGIN_COLUMNS ")"   \
	" select at, 'rotate_secret', 'granted', organization_id, client_id, version, jsonb_build_object('grace_seconds', "                \
	"$17::int4) || case when $21::bool then jsonb_build_object('revoke_tokens', true) else '{}' end, " SQL_ORIGIN_VALUES               \
	" from answer)"                                                                                                                    \
	" select case " CALLER_REFUSED " when not caller.admin then 'forbidden'"                                                           \
	"  when answer.version is null then 'conflict' else 'granted' end, answer.at, answer.previous_secret_expires_at"                   \
	" from (select) one left join caller on true left join answer on true"

#endif
