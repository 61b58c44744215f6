-- Clients by the beginning of their id, and behind those by the beginning of their name, whatever
-- its case: of all organizations, or within one.
-- $1 what they begin with, text; '': all, by id. $2 limit int8. The place before the first: $3 'i'
-- among the ids or 'n' among the names, and $4 that one's id; or null. Within one: $5 slug or null,
-- $6 id or null.
-- Answers for each (outcome, ...): of all (client_id, name, the organization's id, slug and name,
-- disabled_at, created_at, last_used_at, the place 'i' or 'n'); within one client_columns and the
-- place, or a row of nulls. Outcome `organization_not_found`, within one.
--! client_search:
--! client_search_within: within
with place as (
  select coalesce($3::text, 'i') as phase, coalesce($4::text, '') as id,
    coalesce((select lower(c.name) from m2m.client c where c.client_id = $4::text and $3::text = 'n'), '') as name
)
--? within
, target as (
  select o.organization_id from m2m.organization o where
    --: is_org(o, $5, $6)
)
--? end
, found as (
  (select 'i' as phase, c.* from m2m.client c
   where coalesce($3::text, 'i') = 'i' and c.deleted_at is null
--? within
     -- as pairs, for the index that has both; of two lower bounds it may begin at the lower one
     and (c.organization_id, c.client_id) >= ((select organization_id from target), (select greatest($1::text collate "C", id) from place))
     and (c.organization_id, c.client_id) < ((select organization_id from target), $1::text || U&'\+10FFFF')
     and c.client_id <> (select id from place)
   order by c.organization_id, c.client_id limit $2::int8)
--? else
     and c.client_id >= $1::text and c.client_id < $1::text || U&'\+10FFFF' and c.client_id > (select id from place)
   order by c.client_id limit $2::int8)
--? end
  union all
  (select 'n', c.* from m2m.client c
   where $1::text <> '' and c.deleted_at is null
--? within
     and c.organization_id = (select organization_id from target)
--? end
     and lower(c.name) collate "C" < lower($1::text) || U&'\+10FFFF'
     and (lower(c.name) collate "C", c.client_id) >
       ((select greatest(lower($1::text) collate "C", name) from place), (select case when phase = 'n' then id else '' end from place))
     and not (c.client_id >= $1::text and c.client_id < $1::text || U&'\+10FFFF')
   order by lower(c.name) collate "C", c.client_id limit $2::int8)
)
--? not within
, page as materialized (
  select * from found order by phase, case when phase = 'n' then lower(name) end collate "C", client_id limit $2::int8
)
--? end
--? within
select case when t.organization_id is null then 'organization_not_found' else 'granted' end,
  --: client_columns(o, c, s)
  , c.phase
from (select) one left join target t on true left join found c on true
left join lateral (select * from m2m.organization o where o.organization_id = c.organization_id limit 1) o on true
left join lateral (select * from m2m.client_secret s where s.client_id = c.client_id and
    --: secret_is_current(s, c)
    limit 1) s on true
--? else
select 'granted', c.client_id, c.name, o.organization_id, o.slug, o.name, c.disabled_at, c.created_at,
  u.last_used_at, c.phase
from page c
left join m2m.clients_last_used((select array_agg(client_id) from page)) u on u.client_id = c.client_id
join lateral (select * from m2m.organization o where o.organization_id = c.organization_id limit 1) o on true
--? end
order by c.phase, case when c.phase = 'n' then lower(c.name) end collate "C", c.client_id limit $2::int8
