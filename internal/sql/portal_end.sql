-- Ends portal sessions, and records each. Those that aren't live any more stay as they are.
-- $1 to $6 actor text, request_id uuid, transport "char", remote_addr text or null, user_agent text
-- or null, traceparent text or null; $7 the organization's slug or null, $8 its id or null, $9
-- session_id uuid or null: all of the organization's; or, with these three null, $10 the hash of a
-- session's token, bytea.
-- Answers (outcome, organization_id, how many it ended int8). Outcome `not_found`: there is no such
-- session.
with target as (
  select o.organization_id from m2m.organization o where (o.slug = $7::text or o.organization_id = $8::uuid) and o.deleted_at is null
)
, session as (
  select s.session_id from m2m.portal_session s
  where s.token_hash = $10::bytea
    or $10::bytea is null and s.organization_id = (select organization_id from target) and s.session_id = coalesce($9::uuid, s.session_id)
)
, ended as (
  update m2m.portal_session s set ended_at = clock_timestamp() from session
  where s.session_id = session.session_id and
--: portal_session_is_live(s)
  returning s.session_id, s.organization_id, s.actor, s.link_id
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, detail,
--: origin_columns
    )
  select 'end_portal_session', 'granted', e.organization_id, jsonb_build_object('session_id', e.session_id, 'link_id', e.link_id, 'for', e.actor),
    $1::text, $2::uuid, $3::"char", $4::text::inet, $5::text, $6::text
  from ended e
)
select case
    when $10::bytea is null and not exists (select from target) then 'organization_not_found'
    when $9::uuid is not null and not exists (select from session) then 'not_found' else 'granted' end,
  coalesce((select organization_id from target), (select organization_id from ended limit 1)), (select count(*) from ended)
