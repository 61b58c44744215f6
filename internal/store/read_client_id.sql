-- The id of the organization's default client, for a bearer.
-- $1 to $4 as the part caller has them, $5 to $11 as caller's last.
-- Answers (outcome, client_id).
--: caller($5, $6, $7, $8, $9, $10, $11, limit 1)
select case
    --: caller_refused
    when t.client_id is null then 'client_not_found' else 'granted' end, t.client_id
from (select) one left join caller on true
left join lateral (select * from m2m.client t
  where t.organization_id = caller.organization_id and t.disabled_at is null and t.is_default limit 1) t on true
