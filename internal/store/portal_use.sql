-- The live session that a token is of: looked up at every use, which is noted once a minute.
-- $1 token_hash bytea, $2 remote_addr text or null, $3 whether the act that follows says itself
-- whether the address will do, and records it, bool.
-- Answers (outcome) and what the part portal_session_columns has. Outcome `network_not_allowed`:
-- its organization doesn't allow the address.
with live as (
  select s.*, o.slug, o.name,
    --: network_allowed($2::text, o.allowed_networks)
    as near
  from m2m.portal_session s
  join m2m.organization o on o.organization_id = s.organization_id and o.disabled_at is null and o.deleted_at is null
  where s.token_hash = $1::bytea and
--: portal_session_is_live(s)
)
, noted as (
  update m2m.portal_session s set last_used_at = statement_timestamp() from live
  where s.session_id = live.session_id and live.near and s.ended_at is null and s.last_used_at < statement_timestamp() - interval '1 minute'
  returning s.last_used_at
)
select case when s.session_id is null then 'invalid_token' when not s.near and not $3::bool then 'network_not_allowed' else 'granted' end,
--: portal_session_columns(s, s, coalesce(noted.last_used_at, s.last_used_at))
from (select) one left join live s on true left join noted on true
