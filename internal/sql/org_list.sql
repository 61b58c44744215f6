-- The organizations, by slug.
-- $1 the slug before the first, or null; $2 limit int8; $3 what is searched for, or null: the
-- beginning of a slug, words (or their beginnings) of a name, or with $4 the id uuid; $5 disabled
-- ones or enabled ones alone bool, or null.
-- Answers (outcome, org_columns, how many clients it has int8, 10000 at most).
with found as (
  (select s.organization_id from m2m.organization s
   where s.deleted_at is null and s.slug collate "C" >= lower($3::text) and s.slug collate "C" < lower($3::text) || '{'
     and s.slug collate "C" > coalesce($1::text, '') and ($5::bool is null or (s.disabled_at is not null) = $5::bool)
   order by s.slug collate "C" limit $2::int8)
  union select n.organization_id from m2m.organization n where n.deleted_at is null and to_tsvector('simple', n.name) @@ m2m.words($3::text)
  union select i.organization_id from m2m.organization i where i.organization_id = $4::uuid
)
select 'granted',
  --: org_columns(o, c)
  , (select count(*) from (select from m2m.client n where n.organization_id = o.organization_id and n.deleted_at is null limit 10000) n) as clients
from (
  (select o.* from m2m.organization o
   where $3::text is null and o.deleted_at is null and o.slug collate "C" > coalesce($1::text, '')
     and ($5::bool is null or (o.disabled_at is not null) = $5::bool)
   order by o.slug collate "C" limit $2::int8)
  union all
  (select o.* from found cross join lateral (select * from m2m.organization o where o.organization_id = found.organization_id limit 1) o
   where $3::text is not null and o.deleted_at is null and o.slug collate "C" > coalesce($1::text, '')
     and ($5::bool is null or (o.disabled_at is not null) = $5::bool)
   order by o.slug collate "C" limit $2::int8)
) o
left join lateral (select * from m2m.client c
  where c.organization_id = o.organization_id and c.is_default and c.deleted_at is null limit 1) c on true
order by o.slug collate "C" limit $2::int8
