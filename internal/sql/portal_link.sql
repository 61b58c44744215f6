-- Makes a portal link, and records it.
-- $1 to $4 as the part caller has them, $5 to $10 origin_values, $11 the organization's slug or
-- null, $12 its id or null, $13 link_id uuid, $14 code_hash bytea, $15 actor text, $16 may text[],
-- $17 return_url text or null, $18 seconds that it is good for int, $19 whether its maker may
-- change which credentials clients have, bool, $20 to $26 as caller's last.
-- Answers (outcome, organization_id, expires_at). Outcome `forbidden`: the maker isn't of this
-- organization, or the link would open more than its maker may.
--: caller($20, $21, $22, $23, $24, $25, $26, limit 1)
, verdict as (
  select case
--: caller_refused
      when not caller.admin or o.organization_id is null then 'forbidden'
      when 'clients' = any ($16::text[]) and not $19::bool then 'forbidden'
      else 'granted' end as outcome, caller.organization_id
  from (select) one left join caller on true
  left join m2m.organization o on o.organization_id = caller.organization_id and (o.slug = $11::text or o.organization_id = $12::uuid)
)
, made as (
  insert into m2m.portal_link (link_id, code_hash, organization_id, actor, may, return_url, made_by, made_at, expires_at)
  select $13::uuid, $14::bytea, v.organization_id, $15::text, $16::text[], $17::text, $5::text, statement_timestamp(),
    statement_timestamp() + make_interval(secs => $18::int4)
  from verdict v where v.outcome = 'granted'
  returning link_id, organization_id, expires_at
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, detail,
--: origin_columns
    )
  select 'make_portal_link', v.outcome, v.organization_id,
    jsonb_build_object('link_id', m.link_id, 'for', $15::text, 'may', to_jsonb($16::text[]), 'expires_at', m.expires_at),
--: origin_values
  from verdict v left join made m on true where v.outcome <> 'invalid_token'
)
select v.outcome, v.organization_id, m.expires_at from verdict v left join made m on true
