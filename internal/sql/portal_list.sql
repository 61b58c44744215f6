-- An organization's live portal sessions, the newest first; a hundred at most.
-- $1 slug or null, $2 id or null.
-- Answers (outcome) and what the part portal_session_columns has; a row of nulls where there is
-- none.
select case when o.organization_id is null then 'organization_not_found' else 'granted' end,
--: portal_session_columns(s, o, s.last_used_at)
from (select) one
left join m2m.organization o on (o.slug = $1::text or o.organization_id = $2::uuid) and o.deleted_at is null
left join lateral (select * from m2m.portal_session s where s.organization_id = o.organization_id and
--: portal_session_is_live(s)
  order by s.made_at desc limit 100) s on true
order by s.made_at desc
