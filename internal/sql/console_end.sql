-- Ends console sessions, and records each. Those that aren't live any more stay as they are. They
-- are locked in the order of their ids, as m2m.operator_ends_session locks them.
-- $1 to $6 as the part act_origin has them, $7 session_id uuid, or null: all of $8, an operator's
-- name.
-- Answers (outcome, how many it ended int8). Outcome `not_found`: there is no such session.
with session as (
  select s.session_id from m2m.console_session s where s.session_id = $7::uuid or $7::uuid is null and s.actor = $8::text
)
, live as materialized (
  select s.session_id, s.actor, s.link_id from session join m2m.console_session s on s.session_id = session.session_id
  where
--: portal_session_is_live(s)
  order by s.session_id for no key update of s
)
, ended as (
  update m2m.console_session s set ended_at = clock_timestamp() from live where s.session_id = live.session_id
  returning live.*
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, detail,
--: origin_columns
    )
  select 'end_console_session', 'granted', jsonb_build_object('session_id', e.session_id, 'link_id', e.link_id, 'for', e.actor),
--: act_origin
  from ended e
)
select case when $7::uuid is not null and not exists (select from session) then 'not_found' else 'granted' end, (select count(*) from ended)
