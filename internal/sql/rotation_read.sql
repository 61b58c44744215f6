-- Which of a client's replaced secrets are still in their grace, and who got tokens with each
-- since.
-- $1..$4 as the part caller has them, $5 client_id text (null: the organization's default client),
-- $6 to $12 as caller's last.
-- Answers (outcome, client_id, organization_id, and what m2m.secrets_in_grace answers), a row for
-- each user of a version, one with nulls for a version that nobody used, one for a client without
-- any. Reading isn't an act, and isn't recorded.
--: caller($6, $7, $8, $9, $10, $11, $12, limit 1)
select case
--: caller_refused
    when not caller.admin then 'forbidden'
    when t.client_id is null then 'client_not_found' else 'granted' end as outcome,
  t.client_id, t.organization_id, g.*
from (select) one left join caller on true
left join lateral (select * from m2m.client t where t.organization_id = caller.organization_id and t.disabled_at is null
  and case when $5::text is null then t.is_default else t.client_id = $5::text end limit 1) t on true
left join lateral m2m.secrets_in_grace(case when caller.live and caller.near and caller.admin then t.client_id end) g on true
