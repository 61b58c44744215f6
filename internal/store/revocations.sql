-- A page of what was revoked and ended before it expires. There are two texts: a client that
-- authenticates itself asks, or a bearer.
--! revocations_by_client: client
--! revocations_by_bearer:
--
-- $1 to $4 a client: client_id text, verifiers bytea, ring text[], remote_addr text or null; a
-- bearer: as the part caller has them. $5 to $9 the place that the page begins behind: part "char",
-- id uuid, client_id text, secret_version int4, expires_at timestamptz or null. $10 how many
-- entries it has at most, int4, 1 or more.
-- A client: $11 to $15 its other credential as the part client_shown has it, $16 whether every
-- client is held to FAPI 2.0, bool.
-- A bearer: $11 to $17 as caller's last, $18 whether it is the platform's, bool.
-- Answers (outcome, organization_id of the caller, JSON text, and the place of the page's last
-- entry: part, id, client_id, secret_version, expires_at), the place null where no page follows.
-- The text is of an object's members. It lists one row for each, in one order, so that the same
-- page has the same bytes.
--
-- The whole list has two parts. First come the ends of many tokens, part `e`, in the order of
-- organization, client and version; so a page for whoever reads one page has what says most. Then
-- come single tokens, part `r`, in the order of expires_at and jti. A row's place never changes, so
-- whoever reads page by page meets every row that is there all the while. The first page begins
-- behind part `e` and a place before any other.
--? client
with dec as (
  select case
      --: client_cases($3, $16::bool)
      --: resource_server_case
      else 'granted' end as outcome,
    c.organization_id, c.client_id, c.roles, asked.used_once, asked.used_until, 1::int8 as ord
  from
  --: client_shown($11, $12, $13, $14, $15)
--: client_lookups($3)
)
,
--: used_once
, verdict as (select verdict as outcome, organization_id, true as everywhere from fin)
--? else
--: caller($11, $12, $13, $14, $15, $16, $17, limit 1)
, verdict as (
  select coalesce(case
      --: bearer_cases_unless($18)
      end, 'granted') as outcome, caller.organization_id, $18::bool as everywhere
  from (select) one left join caller on true
)
--? end
-- Each has one row more than the page, from which it is known that another page follows. What is of
-- `verdict` is found once and not joined, so that the rows come from an index in their order. For
-- everybody that is the index of the places, for one organization the one of its own rows. (Asked
-- for by equality its tokens would have the same order in both, and PostgreSQL a choice.) Only one
-- of the two halves is read.
, ended as materialized (
  (
    select e.organization_id, e.client_id, e.secret_version, e.not_before, e.expires_at from m2m.tokens_ended e
    where $5::"char" = 'e' and (select outcome from verdict) = 'granted' and e.expires_at > statement_timestamp() and e.credential = ''
      and (e.organization_id, e.client_id, e.secret_version) > ($6::uuid, $7::text, $8::int4)
      and (select everywhere from verdict)
    order by e.organization_id, e.client_id, e.secret_version limit $10::int4 + 1
  )
--? not client
  union all
  (
    select e.organization_id, e.client_id, e.secret_version, e.not_before, e.expires_at from m2m.tokens_ended e
    where $5::"char" = 'e' and (select outcome from verdict) = 'granted' and e.expires_at > statement_timestamp() and e.credential = ''
      and (e.organization_id, e.client_id, e.secret_version) > ($6::uuid, $7::text, $8::int4)
      and not (select everywhere from verdict) and e.organization_id = (select organization_id from verdict)
    order by e.organization_id, e.client_id, e.secret_version limit $10::int4 + 1
  )
--? end
)
, revoked as materialized (
  (
    select r.jti, r.expires_at from m2m.revoked_token r
    where (select outcome from verdict) = 'granted'
      and (r.expires_at, r.jti) > (coalesce($9::timestamptz, '-infinity'), $6::uuid) and r.expires_at > statement_timestamp()
      and (select everywhere from verdict)
    order by r.expires_at, r.jti limit $10::int4 + 1 - (select count(*) from ended)
  )
--? not client
  union all
  (
    select r.jti, r.expires_at from m2m.revoked_token r
    where (select outcome from verdict) = 'granted'
      and (r.expires_at, r.jti) > (coalesce($9::timestamptz, '-infinity'), $6::uuid) and r.expires_at > statement_timestamp()
      and not (select everywhere from verdict)
      and (r.organization_id, r.expires_at) >= ((select organization_id from verdict), coalesce($9::timestamptz, '-infinity'))
      and r.organization_id <= (select organization_id from verdict)
    order by r.organization_id, r.expires_at, r.jti limit $10::int4 + 1 - (select count(*) from ended)
  )
--? end
)
, entry as materialized (
  select row_number() over (order by organization_id, client_id, secret_version) as n, 'e'::"char" as part, organization_id as id,
    client_id, secret_version, expires_at, not_before from ended
  union all
  select (select count(*) from ended) + row_number() over (order by expires_at, jti), 'r', jti, '', 0, expires_at, null from revoked
)
select outcome, organization_id, case when outcome = 'granted' then '"revocations":[' || coalesce((
    select string_agg(format('{"jti":"%s","exp":%s}', id, ceil(extract(epoch from expires_at))::int8), ',' order by n)
    from entry where part = 'r' and n <= $10::int4
  ), '') || '],"not_before":[' || coalesce((
    select string_agg(format('{"%s":%s%s,"not_before":%s,"exp":%s}',
        case when client_id = '' then 'organization_id' else 'client_id' end,
        to_json(case when client_id = '' then id::text else client_id end),
        case when secret_version > 0 then format(',"secret_version":%s', secret_version) else '' end,
        ceil(extract(epoch from least(not_before, expires_at)))::int8, ceil(extract(epoch from expires_at))::int8), ',' order by n)
    from entry where part = 'e' and n <= $10::int4
  ), '') || ']' end,
  last.part, last.id, last.client_id, last.secret_version, last.expires_at
from verdict left join entry last on last.n = $10::int4 and exists (select from entry where n > $10::int4)
