-- An organization's clients, by id.
-- $1 slug or null, $2 id or null, $3 the id before the first, or null; $4 limit int8, $5 seconds
-- int4 or null: those alone whose secret ends within that time, or has ended.
-- Answers (outcome, client_columns); one row of nulls for an organization without any. Outcome
-- `organization_not_found`.
select case when o.slug is null then 'organization_not_found' else 'granted' end,
  --: client_columns(o, c, s)
from (select) one left join m2m.organization o on
  --: is_org(o, $1, $2)
left join m2m.client c on c.organization_id = o.organization_id and c.deleted_at is null and c.client_id > coalesce($3::text, '')
  and ($5::int4 is null or exists (select from m2m.client_secret e where e.client_id = c.client_id and
      --: secret_is_current(e, c)
      and e.expires_at <= statement_timestamp() + make_interval(secs => $5::int4)))
--: current_secret
order by c.client_id limit $4::int8
