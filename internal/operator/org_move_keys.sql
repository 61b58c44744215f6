-- The master keys that the organization's live secrets need, with what this database knows each by.
-- $1 organization's id. Answers (key_id, check_value).
select distinct s.key_id, k.check_value
from m2m.client c join m2m.client_secret s on s.client_id = c.client_id
left join m2m.key_check k on k.key_id = s.key_id
where c.organization_id = $1::uuid and c.deleted_at is null and s.key_id is not null and (
--: secret_is_current(s, c)
  or
--: secret_is_live(s)
)
order by 1
