-- The live session that a token is of: looked up at every use, which is noted once a minute.
-- $1 token_hash bytea.
-- Answers (outcome) and what the part portal_session_columns has.
with live as (
  select s.*, o.slug, o.name from m2m.portal_session s
  join m2m.organization o on o.organization_id = s.organization_id and o.disabled_at is null and o.deleted_at is null
  where s.token_hash = $1::bytea and
--: portal_session_is_live(s)
)
, noted as (
  update m2m.portal_session s set last_used_at = statement_timestamp() from live
  where s.session_id = live.session_id and s.ended_at is null and s.last_used_at < statement_timestamp() - interval '1 minute'
  returning s.last_used_at
)
select case when s.session_id is null then 'invalid_token' else 'granted' end,
--: portal_session_columns(s, s, coalesce(noted.last_used_at, s.last_used_at))
from (select) one left join live s on true left join noted on true
