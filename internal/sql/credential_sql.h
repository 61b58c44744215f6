/* The statements about one client's credentials, shared by the gateway's pipeline and by m2mctl.
 * The large ones are .sql files (sql_sql.h).
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

/* See parts.sql. */
#define SQL_CALLER(tag, iat, address, anywhere, jti) PART_CALLER(tag, iat, address, anywhere, jti)
#define CALLER_REFUSED                               PART_CALLER_REFUSED

#define SQL_ORIGIN_COLUMNS PART_ORIGIN_COLUMNS
#define SQL_ORIGIN_VALUES  PART_ORIGIN_VALUES

#define DEFAULT_CLIENT      "t.organization_id = caller.organization_id and t.disabled_at is null and t.is_default"
#define FIND_DEFAULT_CLIENT LOOKUP("t", "m2m.client", DEFAULT_CLIENT)

/* $1..$4, $5 to $9 as SQL_CALLER's last. Answers (outcome text, client_id text). */
#define SQL_READ_CLIENT_ID                                                                                                                 \
	SQL_CALLER("$5", "$6", "$7", "$8", "$9")                                                                                           \
	" select case " CALLER_REFUSED " when t.client_id is null then 'client_not_found' else 'granted' "                                 \
	"end,"                                                                                                                             \
	"  t.client_id"                                                                                                                    \
	" from (select) one left join caller on true" FIND_DEFAULT_CLIENT

/* $1..$4, $5 to $9 as SQL_CALLER's last. The live secrets of the organization's default client as
 * SQL_CLIENT_CREDENTIAL_LIST has them, oldest first; a row of nulls when there is none. */
/* clang-format off */
#define SQL_SECRET_LIST \
	SQL_CALLER("$5", "$6", "$7", "$8", "$9") \
	" select case " CALLER_REFUSED " when not caller.admin then 'forbidden' when c.client_id is null then 'client_not_found' else 'granted' end, " \
	SQL_CLIENT_CREDENTIAL_COLUMNS("k", "caller") ", u.last_used_at, u.remote_addr, u.user_agent, u.unknown_until, k.hint" \
	" from (select) one left join caller on true" \
	" left join lateral (select t.client_id from m2m.client t where " DEFAULT_CLIENT " and caller.live and caller.near and caller.admin limit 1) c on true" \
	" left join lateral (" ITS_SECRETS ") k(client_id, credential_id, name, public_jwk, created_at, expires_at, kind, issuer, subject, audience, claims, may_replay, hint) on true" \
	" left join lateral m2m.credentials_last_used(c.client_id) u on u.kind = k.kind and u.credential_id = k.credential_id" \
	" order by k.created_at, k.credential_id"
/* clang-format on */

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

#endif
