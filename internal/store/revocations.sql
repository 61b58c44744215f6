-- The list of what was revoked and ended before it expires. There are two texts: a client that
-- authenticates itself asks, or a bearer.
--! revocations_by_client: client
--! revocations_by_bearer:
--
-- A client: $1 client_id text, $2 verifiers bytea, $3 ring text[], $4 remote_addr text or null, $5
-- to $9 its other credential as the part client_shown has it, $10 whether every client is held to
-- FAPI 2.0, bool.
-- A bearer: $1 to $4 as the part caller has them, $5 to $11 as caller's last, $12 whether it is the
-- platform's, bool.
-- Answers (outcome, organization_id of the caller, JSON text). It lists one row for each, in one
-- order, so that the same list has the same bytes.
--? client
with dec as (
  select case
      --: client_cases($3, $10::bool)
      --: resource_server_case
      else 'granted' end as outcome,
    c.organization_id, c.client_id, c.roles, asked.used_once, asked.used_until, 1::int8 as ord
  from
  --: client_shown($5, $6, $7, $8, $9)
--: client_lookups($3)
)
,
--: used_once
, verdict as (select verdict as outcome, organization_id, true as everywhere from fin)
--? else
--: caller($5, $6, $7, $8, $9, $10, $11, limit 1)
, verdict as (
  select coalesce(case
      --: bearer_cases_unless($12)
      end, 'granted') as outcome, caller.organization_id, $12::bool as everywhere
  from (select) one left join caller on true
)
--? end
select outcome, organization_id, case when outcome = 'granted' then '{"revocations":[' || coalesce((
    select string_agg(format('{"jti":"%s","exp":%s}', r.jti, ceil(extract(epoch from r.expires_at))::int8), ',' order by r.expires_at, r.jti)
    from m2m.revoked_token r
    where r.expires_at > statement_timestamp() and (verdict.everywhere or r.organization_id = verdict.organization_id)
  ), '') || '],"not_before":[' || coalesce((
    select string_agg(format('{"%s":"%s"%s,"not_before":%s,"exp":%s}',
        case when e.client_id = '' then 'organization_id' else 'client_id' end,
        case when e.client_id = '' then e.organization_id::text else e.client_id end,
        case when e.secret_version > 0 then format(',"secret_version":%s', e.secret_version) else '' end,
        ceil(extract(epoch from least(e.not_before, e.expires_at)))::int8, ceil(extract(epoch from e.expires_at))::int8),
      ',' order by e.organization_id, e.client_id, e.secret_version)
    from m2m.tokens_ended e
    where e.expires_at > statement_timestamp() and e.credential = '' and (verdict.everywhere or e.organization_id = verdict.organization_id)
  ), '') || ']}' end
from verdict
