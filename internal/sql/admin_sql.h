/* The statements about organizations and their clients, shared by the gateway's serving
 * connection and by m2mctl. Each is one statement, so that an act, its refusal too, and the row
 * that records it commit together. Parameters are listed beside each text; admin_statement.h
 * fills them in.
 *
 * Acts answer exactly one row, whose first column is the outcome; questions answer a row for
 * each thing found. Deleted rows are invisible to all of them. */
#ifndef M2M_SQL_ADMIN_SQL_H
#define M2M_SQL_ADMIN_SQL_H

#include "sql/secret_sql.h"

/* clang-format off */

/* Columns 1 to 10 and 1 to 20 of the answers. */
#define SQL_ORG_COLUMNS(o, c) \
	o ".organization_id, " o ".slug, " o ".name, " o ".issuer, " o ".external_id, " c ".client_id, " o ".created_at, " o ".disabled_at, " \
	o ".allowed_networks::text[], " o ".secret_max_age"
#define SQL_CLIENT_COLUMNS(o, c, s) \
	c ".client_id, " c ".organization_id, " o ".slug, " c ".is_default, " c ".name, " c ".roles, " c ".scopes, " c ".audiences, " \
	c ".token_lifetime, " c ".token_type, " c ".secret_version, " s ".hint, " s ".created_at, " c ".created_at, " c ".disabled_at, " \
	c ".allowed_networks::text[], coalesce(" c ".auth_methods, '{secret}'), " c ".token_binding, " c ".profile, " s ".expires_at"

/* An organization is named by slug or by id: of the two parameters one is null. */
#define SQL_IS_ORG(o, slug, id) "(" o ".slug = " slug "::text or " o ".organization_id = " id "::uuid) and " o ".deleted_at is null"
#define SQL_DEFAULT_OF(o) "left join m2m.client c on c.organization_id = " o ".organization_id and c.is_default and c.deleted_at is null"
#define SQL_CURRENT_SECRET "left join m2m.client_secret s on s.client_id = c.client_id and s.version = c.secret_version"

/* $1 actor text, $2 request_id uuid, $3 transport "char", $4 remote_addr text or null, $5
 * user_agent text or null, $6 traceparent text or null: of every act. */
#define SQL_ACT_COLUMNS "action, outcome, organization_id, client_id, secret_version, detail, actor, request_id, transport, remote_addr, user_agent, traceparent"
#define SQL_ACT_ORIGIN  "$1::text, $2::uuid, $3::\"char\", $4::text::inet, $5::text, $6::text"

/* A parameter text[] of networks: null where they stay (of something new: any), empty for any.
 * What becomes of them, and what the act's detail says. */
#define SQL_NETWORKS(n) "nullif(" n "::text[], '{}')::cidr[]"
#define SQL_NETWORKS_CHANGED(n, before) "case when " n "::text[] is null then " before " else " SQL_NETWORKS(n) " end"
#define SQL_NETWORKS_TOLD(n) "'allowed_networks', case when " n "::text[] = '{}' then to_jsonb('any'::text) else to_jsonb(" n "::text[]) end"

/* A parameter text: null where the word stays, 'none' for none. */
#define SQL_WORD(w) "nullif(" w "::text, 'none')"
#define SQL_WORD_CHANGED(w, before) "case when " w "::text is null then " before " else " SQL_WORD(w) " end"
/* What the constraint client_profile wants. */
#define SQL_PROFILE_MET(profile, binding, methods) \
	"(" profile " is distinct from 'fapi2' or " binding " is not null and coalesce(" methods " <@ '{key,certificate}'::text[], false))"

/* What ends with a client: its secrets and its keys, at once and for good. `clients` is the name of
 * what was deleted. */
#define SQL_END_SECRETS(clients) \
	"update m2m.client_secret s set ended_at = coalesce(s.ended_at, statement_timestamp()), expires_at = '-infinity'" \
	" from " clients " d where s.client_id = d.client_id and " SECRET_MAY_BE_LIVE("s")
#define SQL_END_KEYS(clients) \
	"update m2m.client_credential k set ended_at = clock_timestamp() from " clients " d where k.client_id = d.client_id and k.ended_at is null"

/* ---- organizations ---- */

/* $1 the slug before the first, or null; $2 limit int8. */
#define SQL_ORG_LIST \
	"select 'granted', " SQL_ORG_COLUMNS("o", "c") " from m2m.organization o " SQL_DEFAULT_OF("o") \
	" where o.deleted_at is null and o.slug > coalesce($1::text, '') order by o.slug limit $2::int8"

/* $1 slug or null, $2 id or null. */
#define SQL_ORG_FIND \
	"select 'granted', " SQL_ORG_COLUMNS("o", "c") " from m2m.organization o " SQL_DEFAULT_OF("o") " where " SQL_IS_ORG("o", "$1", "$2")

/* $1 issuer text, $2 external id text, $3 the same as uuid, or null. An id opens only what no
 * other issuer has a claim to. */
#define SQL_ORG_RESOLVE \
	"select 'granted', " SQL_ORG_COLUMNS("o", "c") " from m2m.organization o " SQL_DEFAULT_OF("o") \
	" where o.deleted_at is null and (o.issuer = $1::text and o.external_id = $2::text" \
	"  or o.organization_id = $3::uuid and o.issuer in ('', $1::text))" \
	" order by o.external_id is not distinct from $2::text desc limit 1"

/* $1..$6, $7 organization_id uuid, $8 slug, $9 name, $10 issuer or null, $11 external_id or
 * null, $12 client_id, $13 client's name or null, $14 roles text[], $15 scopes text[],
 * $16 audiences text[], $17 token_lifetime int4, $18 token_type or null, $19 key_id, $20 salt,
 * $21 verifier, $22 hint, $23 allowed_networks text[] or null,
 * $24 the client's, $25 auth_methods text[] or null, $26 token_binding and $27 profile, each null
 * or 'none' for none, $28 secret_max_age int4 (0: none), and the secret's end: $29 seconds int4 or
 * null, $30 time timestamptz or null. */
#define SQL_ORG_CREATE \
	"with made as (" \
	" insert into m2m.organization (organization_id, slug, name, issuer, external_id, allowed_networks, secret_max_age)" \
	" values ($7::uuid, $8::text, $9::text, coalesce($10::text, ''), $11::text, " SQL_NETWORKS("$23") ", nullif($28::int4, 0)) on conflict do nothing returning *)" \
	", client as (" \
	" insert into m2m.client (client_id, organization_id, is_default, name, roles, scopes, audiences, token_lifetime, token_type, secret_version, allowed_networks," \
	"  auth_methods, token_binding, profile)" \
	" select $12::text, organization_id, true, coalesce($13::text, ''), $14::text[], $15::text[], $16::text[], $17::int4, $18::text, 1," \
	"  " SQL_NETWORKS("$24") ", $25::text[], " SQL_WORD("$26") ", " SQL_WORD("$27") " from made" \
	" returning client_id, created_at)" \
	", secret as (" \
	" insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at, expires_at)" \
	" select client.client_id, 1, $19::text, $20::bytea, $21::bytea, $22::text, client.created_at, " SECRET_END("client.created_at", "$29", "$30", "made.secret_max_age") \
	" from client, made returning expires_at)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select a.action, case when made.slug is null then 'already_exists' else 'granted' end, made.organization_id, a.client_id, a.version, a.detail, " SQL_ACT_ORIGIN \
	" from (values ('create_organization', null, null::int4, jsonb_strip_nulls(jsonb_build_object('slug', $8::text, 'name', $9::text, 'issuer', $10::text," \
	"  'external_id', $11::text, " SQL_NETWORKS_TOLD("$23") ", 'secret_max_age', nullif($28::int4, 0)))), ('create_client', $12::text, 1, jsonb_strip_nulls(jsonb_build_object('name', $13::text, 'roles', $14::text[]," \
	"  'scopes', $15::text[], 'audiences', $16::text[], 'token_lifetime', $17::int4, 'token_type', $18::text, " SQL_NETWORKS_TOLD("$24") ", 'auth_methods', $25::text[], 'token_binding', " SQL_WORD("$26") ", 'profile', " SQL_WORD("$27") ", 'secret_expires_at', (select expires_at from secret))))) a(action, client_id, version, detail)" \
	" left join made on true where made.slug is not null or a.action = 'create_organization')" \
	" select case when made.slug is null then 'already_exists' else 'granted' end, " SQL_ORG_COLUMNS("made", "client") \
	" from (select) one left join made on true left join client on true"

/* $1..$6, $7 slug or null, $8 id or null, $9 name or null, $10 whether issuer and external id
 * change, $11 issuer or null, $12 external_id or null, $13 disabled bool or null,
 * $14 allowed_networks text[] or null, $15 secret_max_age int4 (null: it stays, 0: none). An age
 * that is set also bounds the live secrets (m2m.bound_secrets); each that gets an earlier end so
 * has a row of its own in the record. Ends stay when the age is taken away. */
#define SQL_ORG_CHANGE \
	"with target as (" \
	" select o.organization_id, case when $10::bool and exists (select from m2m.organization x where x.issuer = $11::text and x.external_id = $12::text" \
	"   and x.deleted_at is null and x.organization_id <> o.organization_id) then 'already_exists' else 'granted' end as outcome" \
	" from m2m.organization o where " SQL_IS_ORG("o", "$7", "$8") ")" \
	", changed as (" \
	" update m2m.organization o set name = coalesce($9::text, o.name), issuer = case when $10::bool then coalesce($11::text, '') else o.issuer end," \
	"  external_id = case when $10::bool then $12::text else o.external_id end," \
	"  disabled_at = case when $13::bool is null then o.disabled_at when $13::bool then coalesce(o.disabled_at, statement_timestamp()) end," \
	"  allowed_networks = " SQL_NETWORKS_CHANGED("$14", "o.allowed_networks") "," \
	"  secret_max_age = case when $15::int4 is null then o.secret_max_age else nullif($15::int4, 0) end" \
	" from target where o.organization_id = target.organization_id and o.deleted_at is null and target.outcome = 'granted' returning o.*)" \
	", bounded as materialized (select changed.organization_id, b.* from changed cross join lateral m2m.bound_secrets(changed.organization_id, $15::int4) b" \
	" where $15::int4 > 0)" \
	", answer as (" \
	/* what another one deleted after this statement had begun is not found either */ \
	" select case when target.outcome = 'granted' and changed.slug is null then 'organization_not_found' else coalesce(target.outcome, 'organization_not_found') end as outcome" \
	" from (select) one left join target on true left join changed on true)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select a.action, answer.outcome, target.organization_id, null, null," \
	"  case when target.outcome is null then coalesce(a.detail, '{}') || jsonb_build_object('slug', coalesce($7::text, $8::text)) else a.detail end, " SQL_ACT_ORIGIN \
	" from (values ('set_organization', $9::text is not null or $10::bool or $14::text[] is not null or $15::int4 is not null," \
	"   jsonb_strip_nulls(jsonb_build_object('name', $9::text, " SQL_NETWORKS_TOLD("$14") ", 'secret_max_age', case $15::int4 when 0 then to_jsonb('none'::text) else to_jsonb($15::int4) end)) || case when $10::bool" \
	"   then jsonb_build_object('issuer', $11::text, 'external_id', $12::text) else '{}' end), ('disable_organization', $13::bool is true, null), ('enable_organization', $13::bool is false, null)) a(action, wanted, detail)" \
	" cross join answer left join target on true where a.wanted" \
	" union all select 'bound_secret', 'granted', organization_id, client_id, secret_version," \
	"  jsonb_build_object('secret_max_age', $15::int4, 'expires_at', expires_at), " SQL_ACT_ORIGIN " from bounded)" \
	" select answer.outcome, " SQL_ORG_COLUMNS("changed", "c") " from answer left join changed on true " SQL_DEFAULT_OF("changed")

/* $1..$6, $7 slug or null, $8 id or null. */
#define SQL_ORG_DELETE \
	"with target as (" \
	" update m2m.organization o set disabled_at = coalesce(o.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()" \
	" where " SQL_IS_ORG("o", "$7", "$8") " returning o.*)" \
	", clients as (" \
	" update m2m.client c set disabled_at = coalesce(c.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()" \
	" from target where c.organization_id = target.organization_id and c.deleted_at is null returning c.client_id, c.is_default)" \
	", ended as (" SQL_END_SECRETS("clients") ")" \
	", keys_ended as (" SQL_END_KEYS("clients") ")" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select 'delete_organization', case when target.slug is null then 'organization_not_found' else 'granted' end, target.organization_id, null, null::int4," \
	"  jsonb_build_object('slug', coalesce(target.slug, $7::text, $8::text)), " SQL_ACT_ORIGIN " from (select) one left join target on true" \
	" union all select 'delete_client', 'granted', target.organization_id, clients.client_id, null::int4, null, " SQL_ACT_ORIGIN " from target, clients)" \
	" select case when target.slug is null then 'organization_not_found' else 'granted' end, " SQL_ORG_COLUMNS("target", "clients") \
	" from (select) one left join target on true left join clients on clients.is_default"

/* ---- clients ---- */

/* $1 slug or null, $2 id or null, $3 the id before the first, or null; $4 limit int8, $5 seconds
 * int4 or null: those alone whose secret ends within that time, or has ended. An organization
 * without any answers one row of nulls. */
#define SQL_CLIENT_LIST \
	"select case when o.slug is null then 'organization_not_found' else 'granted' end, " SQL_CLIENT_COLUMNS("o", "c", "s") \
	" from (select) one left join m2m.organization o on " SQL_IS_ORG("o", "$1", "$2") \
	" left join m2m.client c on c.organization_id = o.organization_id and c.deleted_at is null and c.client_id > coalesce($3::text, '')" \
	"  and ($5::int4 is null or exists (select from m2m.client_secret e where e.client_id = c.client_id and e.version = c.secret_version" \
	"   and e.expires_at <= statement_timestamp() + make_interval(secs => $5::int4)))" \
	" " SQL_CURRENT_SECRET " order by c.client_id limit $4::int8"

/* $1 seconds int4. Of all organizations, those whose secret ends within that time or has ended, by
 * its end: a walk over the index of the current secrets that have one. */
#define SQL_CLIENTS_EXPIRING \
	"select 'granted', " SQL_CLIENT_COLUMNS("o", "c", "s") " from m2m.client_secret s" \
	" join m2m.client c on c.client_id = s.client_id and c.secret_version = s.version and c.deleted_at is null" \
	" join m2m.organization o on o.organization_id = c.organization_id" \
	" where " SECRET_MAY_END("s") " and s.expires_at <= statement_timestamp() + make_interval(secs => $1::int4) order by s.expires_at, s.client_id"

/* How many current secrets end within a day, a week and 30 days, each at most SQL_ENDING_MAX: so
 * many entries of the index are read, whatever there is. The later ends are left out first. */
#define SQL_ENDING_MAX "10000"
#define SQL_SECRETS_ENDING \
	"select count(*) filter (where e.expires_at <= statement_timestamp() + interval '1 day')," \
	" count(*) filter (where e.expires_at <= statement_timestamp() + interval '7 days'), count(*)" \
	" from (select s.expires_at from m2m.client_secret s where " SECRET_MAY_END("s") " and s.expires_at > statement_timestamp()" \
	"  and s.expires_at <= statement_timestamp() + interval '30 days' order by s.expires_at limit " SQL_ENDING_MAX ") e"

/* $1 slug or null, $2 id or null, $3 client_id. */
#define SQL_CLIENT_FIND \
	"select case when o.slug is null then 'organization_not_found' when c.client_id is null then 'client_not_found' else 'granted' end, " \
	SQL_CLIENT_COLUMNS("o", "c", "s") " from (select) one left join m2m.organization o on " SQL_IS_ORG("o", "$1", "$2") \
	" left join m2m.client c on c.organization_id = o.organization_id and c.deleted_at is null and c.client_id = $3::text " SQL_CURRENT_SECRET

/* $1..$6, $7 organization_id uuid, $8 client_id, $9 name or null, $10 roles text[], $11 scopes
 * text[], $12 audiences text[], $13 token_lifetime int4, $14 token_type or null,
 * $15 key_id, $16 salt, $17 verifier, $18 hint, $19 allowed_networks text[] or null,
 * $20 auth_methods text[] or null, $21 token_binding and $22 profile, each null or 'none' for
 * none, and the secret's end: $23 seconds int4 or null, $24 time timestamptz or null. */
#define SQL_CLIENT_CREATE \
	/* locked, so that it isn't deleted in this moment */ \
	"with target as materialized (select o.organization_id, o.slug, o.secret_max_age from m2m.organization o where o.organization_id = $7::uuid and o.deleted_at is null for no key update)" \
	", made as (" \
	" insert into m2m.client (client_id, organization_id, name, roles, scopes, audiences, token_lifetime, token_type, secret_version, allowed_networks," \
	"  auth_methods, token_binding, profile)" \
	" select $8::text, organization_id, coalesce($9::text, ''), $10::text[], $11::text[], $12::text[], $13::int4, $14::text, 1, " SQL_NETWORKS("$19") ", $20::text[], " SQL_WORD("$21") ", " SQL_WORD("$22") \
	" from target returning *)" \
	", secret as (" \
	" insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at, expires_at)" \
	" select made.client_id, 1, $15::text, $16::bytea, $17::bytea, $18::text, made.created_at, " SECRET_END("made.created_at", "$23", "$24", "target.secret_max_age") \
	" from made, target returning hint, created_at, expires_at)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select 'create_client', case when made.client_id is null then 'organization_not_found' else 'granted' end, $7::uuid, made.client_id, made.secret_version," \
	"  jsonb_strip_nulls(jsonb_build_object('name', $9::text, 'roles', $10::text[], 'scopes', $11::text[], 'audiences', $12::text[]," \
	"   'token_lifetime', $13::int4, 'token_type', $14::text, " SQL_NETWORKS_TOLD("$19") ", 'auth_methods', $20::text[]," \
	"   'token_binding', " SQL_WORD("$21") ", 'profile', " SQL_WORD("$22") ", 'secret_expires_at', secret.expires_at)), " SQL_ACT_ORIGIN \
	"  from (select) one left join made on true left join secret on true)" \
	" select case when made.client_id is null then 'organization_not_found' else 'granted' end, " SQL_CLIENT_COLUMNS("target", "made", "secret") \
	" from (select) one left join target on true left join made on true left join secret on true"

/* $1..$6, $7 slug or null, $8 id or null, $9 client_id, then what changes, null where it stays:
 * $10 name, $11 roles text[], $12 scopes text[], $13 audiences text[], $14 token_lifetime int4,
 * $15 token_type ('default': none of its own), $16 disabled bool, $17 whether it becomes the
 * organization's default client (only one that isn't disabled afterwards can), $18
 * allowed_networks text[], $19 auth_methods text[], $20 token_binding and $21 profile ('none':
 * none). A default client stays it until another one becomes it. `profile_unmet`: together with
 * what stays, it isn't what the profile wants. */
#define SQL_CLIENT_CHANGE \
	/* one at a time for an organization: two that hand over its default would wait for each \
	 * other in the constraint */ \
	"with org as materialized (select o.organization_id, o.slug from m2m.organization o where " SQL_IS_ORG("o", "$7", "$8") " for no key update)" \
	/* as it is once nobody else changes it: what stays counts too */ \
	", present as materialized (select c.* from org join m2m.client c on c.organization_id = org.organization_id and c.client_id = $9::text" \
	"  and c.deleted_at is null for no key update of c)" \
	", target as (" \
	" select o.organization_id, o.slug, c.client_id, case when o.slug is null then 'organization_not_found' when c.client_id is null then 'client_not_found'" \
	"   when $17::bool is false and c.is_default then 'default_client'" \
	"   when $17::bool and coalesce($16::bool, c.disabled_at is not null) then 'conflict'" \
	"   when not " SQL_PROFILE_MET("(" SQL_WORD_CHANGED("$21", "c.profile") ")", "(" SQL_WORD_CHANGED("$20", "c.token_binding") ")", "coalesce($19::text[], c.auth_methods)") \
	"   then 'profile_unmet' else 'granted' end as outcome" \
	" from (select) one left join org o on true left join present c on true)" \
	/* the constraint that allows one default looks at the statement's end */ \
	", handed_over as (" \
	" update m2m.client c set is_default = false from target" \
	" where $17::bool and target.outcome = 'granted' and c.organization_id = target.organization_id and c.is_default and c.client_id <> target.client_id and c.deleted_at is null)" \
	", changed as (" \
	" update m2m.client c set name = coalesce($10::text, c.name), roles = coalesce($11::text[], c.roles), scopes = coalesce($12::text[], c.scopes)," \
	"  audiences = coalesce($13::text[], c.audiences), token_lifetime = coalesce($14::int4, c.token_lifetime)," \
	"  token_type = case when $15::text is null then c.token_type when $15::text <> 'default' then $15::text end," \
	"  disabled_at = case when $16::bool is null then c.disabled_at when $16::bool then coalesce(c.disabled_at, statement_timestamp()) end," \
	"  is_default = c.is_default or $17::bool is true, allowed_networks = " SQL_NETWORKS_CHANGED("$18", "c.allowed_networks") "," \
	"  auth_methods = coalesce($19::text[], c.auth_methods), token_binding = " SQL_WORD_CHANGED("$20", "c.token_binding") "," \
	"  profile = " SQL_WORD_CHANGED("$21", "c.profile") \
	" from target where c.client_id = target.client_id and c.deleted_at is null and target.outcome = 'granted' returning c.*)" \
	", answer as (" \
	/* what another one deleted after this statement had begun is not found either */ \
	" select target.*, case when target.outcome = 'granted' and changed.client_id is null then 'client_not_found' else target.outcome end as result" \
	" from target left join changed on true)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select a.action, target.result, target.organization_id, target.client_id, null, a.detail, " SQL_ACT_ORIGIN \
	" from (values ('set_client', num_nonnulls($10::text, $11::text[], $12::text[], $13::text[], $14::int4, $15::text, $18::text[], $19::text[], $20::text, $21::text) > 0 or $17::bool is not null," \
	"   jsonb_strip_nulls(jsonb_build_object('name', $10::text, 'roles', $11::text[], 'scopes', $12::text[], 'audiences', $13::text[], 'token_lifetime', $14::int4," \
	"   'token_type', $15::text, 'default', $17::bool, " SQL_NETWORKS_TOLD("$18") ", 'auth_methods', $19::text[]," \
	"   'token_binding', $20::text, 'profile', $21::text)))," \
	"  ('disable_client', $16::bool is true, null), ('enable_client', $16::bool is false, null)) a(action, wanted, detail), answer target where a.wanted)" \
	" select target.result, " SQL_CLIENT_COLUMNS("target", "c", "s") " from answer target left join changed c on true " SQL_CURRENT_SECRET

/* $1..$6, $7 slug or null, $8 id or null, $9 client_id. */
#define SQL_CLIENT_DELETE \
	"with target as (" \
	" select o.organization_id, o.slug, c.client_id, case when o.slug is null then 'organization_not_found' when c.client_id is null then 'client_not_found'" \
	"   when c.is_default then 'default_client' else 'granted' end as outcome" \
	" from (select) one left join m2m.organization o on " SQL_IS_ORG("o", "$7", "$8") \
	" left join m2m.client c on c.organization_id = o.organization_id and c.client_id = $9::text and c.deleted_at is null)" \
	", deleted as (" \
	" update m2m.client c set disabled_at = coalesce(c.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()" \
	" from target where c.client_id = target.client_id and c.deleted_at is null and not c.is_default and target.outcome = 'granted' returning c.*)" \
	", ended as (" SQL_END_SECRETS("deleted") ")" \
	", keys_ended as (" SQL_END_KEYS("deleted") ")" \
	", answer as (" \
	/* another one deleted it, or made it the default, after this statement had begun */ \
	" select target.*, case when target.outcome = 'granted' and deleted.client_id is null then 'conflict' else target.outcome end as result" \
	" from target left join deleted on true)" \
	", recorded as (" \
	" insert into m2m.admin_audit (" SQL_ACT_COLUMNS ")" \
	" select 'delete_client', result, organization_id, client_id, null, null, " SQL_ACT_ORIGIN " from answer)" \
	" select target.result, " SQL_CLIENT_COLUMNS("target", "c", "s") " from answer target left join deleted c on true " SQL_CURRENT_SECRET

/* clang-format on */

#endif
