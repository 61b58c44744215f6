-- The live portal sessions of all organizations, the newest first.
-- $1 limit int8, $2 and $3 the place of the last one before: its expires_at and session_id, or
-- null.
-- Answers (outcome) and what the part portal_session_columns has, for each.
select 'granted',
--: portal_session_columns(s, o, s.last_used_at)
from m2m.portal_session s
join lateral (select * from m2m.organization o
  where o.organization_id = s.organization_id and o.disabled_at is null and o.deleted_at is null limit 1) o on true
where
--: portal_session_is_live(s)
  and s.expires_at <= coalesce($2::timestamptz, 'infinity')
  and (s.expires_at, s.session_id) < (coalesce($2::timestamptz, 'infinity'), coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
order by s.expires_at desc, s.session_id desc limit $1::int8
