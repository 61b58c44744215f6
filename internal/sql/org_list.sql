-- The organizations, by slug.
-- $1 the slug before the first, or null; $2 limit int8.
select 'granted',
  --: org_columns(o, c)
from m2m.organization o
  --: default_client(o)
where o.deleted_at is null and o.slug > coalesce($1::text, '') order by o.slug limit $2::int8
