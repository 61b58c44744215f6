-- The live console sessions, the newest first.
-- $1 limit int8, $2 and $3 the place of the last one before: its expires_at and session_id, or
-- null.
-- Answers (outcome, session_id, actor, may, made_at, last_used_at, expires_at) for each.
select 'granted', s.session_id, s.actor, s.may, s.made_at, s.last_used_at, s.expires_at
from m2m.console_session s
where s.expires_at > statement_timestamp() and
--: portal_session_is_live(s)
  and (s.expires_at, s.session_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
order by s.expires_at desc, s.session_id desc limit $1::int8
