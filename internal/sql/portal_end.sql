-- Ends portal sessions, and records each. Those that aren't live any more stay as they are. An act
-- that a session has under way holds the session's row, so that its end comes after the act.
-- $1 to $6 as the part act_origin has them; $7 the organization's slug or null, $8 its id or null,
-- $9 session_id uuid or null: all of the organization's; or, with these three null, $10 the hash of
-- a session's token, bytea.
-- Answers (outcome, organization_id, how many it ended int8). Outcome `not_found`: there is no such
-- session.
with target as (
  select o.organization_id from m2m.organization o where (o.slug = $7::text or o.organization_id = $8::uuid) and o.deleted_at is null
)
, session as (
  select s.session_id from m2m.portal_session s where s.token_hash = $10::bytea
  union all
  select s.session_id from target t join m2m.portal_session s on s.organization_id = t.organization_id
  where $10::bytea is null and ($9::uuid is null or s.session_id = $9::uuid)
)
, live as materialized (
  select s.session_id, s.organization_id, s.actor, s.link_id from session join m2m.portal_session s on s.session_id = session.session_id
  where
--: portal_session_is_live(s)
  order by s.session_id for no key update of s
)
, moment as materialized (select *, clock_timestamp() as at from live)
, ended as (
  update m2m.portal_session s set ended_at = m.at from moment m where s.session_id = m.session_id
  returning m.*
)
, verdict as (
  select case
      when $10::bytea is null and not exists (select from target) then 'organization_not_found'
      when $9::uuid is not null and not exists (select from session) then 'not_found' else 'granted' end as outcome,
    coalesce((select organization_id from target), (select organization_id from ended limit 1)) as organization_id
)
, recorded as (
  insert into m2m.admin_audit (at, action, outcome, organization_id, detail,
--: origin_columns
    )
  select coalesce(e.at, clock_timestamp()), 'end_portal_session', v.outcome, v.organization_id,
    case when e.session_id is null then jsonb_strip_nulls(jsonb_build_object('session_id', $9::uuid))
      else jsonb_build_object('session_id', e.session_id, 'link_id', e.link_id, 'for', e.actor) end,
--: act_origin
  from verdict v left join ended e on true where v.outcome <> 'granted' or e.session_id is not null
)
select outcome, organization_id, (select count(*) from ended) from verdict
