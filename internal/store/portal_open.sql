-- A link's code becomes a session: once, whoever else tries it at the same time. Recorded with the
-- link's actor; so is a refusal of a link that there is.
-- $1 code_hash bytea, $2 session_id uuid, $3 token_hash bytea, $4 request_id uuid, $5 transport
-- "char", $6 remote_addr text or null, $7 user_agent text or null, $8 traceparent text or null.
-- Answers (outcome) and what the part portal_session_columns has. Outcome `network_not_allowed`:
-- its organization doesn't allow the address; the link stays good.
with link as (
  select l.*, o.slug, o.name,
    --: network_allowed($6::text, o.allowed_networks)
    as near
  from m2m.portal_link l
  left join m2m.organization o on o.organization_id = l.organization_id and o.disabled_at is null and o.deleted_at is null
  where l.code_hash = $1::bytea
)
-- who comes second waits for the row, and then finds it used
, used as (
  update m2m.portal_link l set used_at = clock_timestamp() from link
  where l.link_id = link.link_id and link.slug is not null and link.near and l.used_at is null and l.expires_at > clock_timestamp()
  returning l.link_id
)
, session as (
  insert into m2m.portal_session (session_id, token_hash, link_id, organization_id, actor, may, return_url, made_at, last_used_at, expires_at)
  select $2::uuid, $3::bytea, link.link_id, link.organization_id, link.actor, link.may, link.return_url, statement_timestamp(),
    statement_timestamp(), statement_timestamp() + interval '1 day'
  from used join link on true
  returning *
)
, verdict as (
  select case when used.link_id is not null then 'granted'
      when link.used_at is null and link.expires_at > statement_timestamp() and link.slug is not null and not link.near
      then 'network_not_allowed' else 'invalid_token' end as outcome
  from (select) one left join link on true left join used on true
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, detail,
--: origin_columns
    )
  select 'open_portal_session', verdict.outcome, link.organization_id,
    jsonb_build_object('link_id', link.link_id, 'session_id', case when used.link_id is not null then $2::uuid end),
    'portal:' || link.actor, $4::uuid, $5::"char", $6::text::inet, $7::text, $8::text
  from link cross join verdict left join used on true
)
select verdict.outcome,
--: portal_session_columns(s, link, s.last_used_at)
from verdict left join link on true left join session s on true
