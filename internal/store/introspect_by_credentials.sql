-- Introspection (RFC 7662) of many tokens at once, by clients some of which show another credential
-- than a secret, or where all are held to FAPI 2.0. Each question has its caller: what may be used
-- once is used up by the one that shows it.
--
-- Arrays of one length: $1 client_id text[], $2 verifiers bytea[] and $3 remote_addr text[] of who
-- asks; $4 kid text[], $5 verified bool[], $6 jti uuid[], $7 client_id text[], $8 version int4[],
-- $9 organization_id uuid[], $10 iat int8[], $11 exp int8[] of the token. $12 ring text[]. Of who
-- asks again: $13 auth_method "char"[], $14 credentials text[], $15 used_once bytea[], $16
-- used_until int8[], $17 fapi2 bool[]; $18 whether every client is held to FAPI 2.0, bool.
-- Answers (outcome, organization_id of the caller, active, ord) for each, in any order; ord is its
-- place, from 1. Outcome `stale_key`: the gateway shall read the keys again.
with shown as (
  -- unnested in the select list, as in issue.sql
  select unnest($1::text[]) as asker, unnest($2::bytea[]) as verifiers, unnest($3::text[]) as remote_addr,
    unnest($4::text[]) as kid, unnest($5::bool[]) as verified, unnest($6::uuid[]) as jti, unnest($7::text[]) as client_id,
    unnest($8::int4[]) as version, unnest($9::uuid[]) as organization_id, unnest($10::int8[]) as iat, unnest($11::int8[]) as exp,
    generate_series(1::int8, cardinality($1::text[])) as ord,
    unnest($13::"char"[]) as auth_method, unnest($14::text[]) as credentials, unnest($15::bytea[]) as used_once,
    unnest($16::int8[]) as used_until, unnest($17::bool[]) as fapi2
)
, dec as (
  select case
      --: client_cases($12, $18::bool)
      --: resource_server_case
      --: stale_key_case
      else 'granted' end as outcome, c.organization_id,
    --: token_is_active
    as active, t.ord, t.used_once, t.used_until
  from shown t
  cross join lateral (select t.asker as client_id, t.verifiers, t.remote_addr, t.auth_method, t.credentials, t.used_once,
    t.used_until, t.fapi2) asked
  --: client_lookups($12)
  --: token_lookups
)
,
--: used_once
select verdict, organization_id, active, ord from fin
