-- Records an act that was refused outside of its own statement: who asked may not, or PostgreSQL
-- took the statement back, since the organization moves.
-- $1 to $4 as the part caller has them, $5 to $10 origin_values, $11 action text, $12 outcome text,
-- $13 slug or null, $14 id or null: what the request named; $15 the caller's organization uuid or
-- null, which counts first; $16 client_id or null, $17 a member of the detail or null, and $18 its
-- text or null; $19 whether the row is of the bearer's organization alone bool: then there is one
-- only where the bearer is live, and comes from where it may; $20 to $26 as caller's last.
--: caller($20, $21, $22, $23, $24, $25, $26, limit 1)
insert into m2m.admin_audit (
  --: act_columns
  )
select $11::text, $12::text, o.organization_id, c.client_id, null,
  nullif(jsonb_strip_nulls(
    case when o.slug = $13::text or o.organization_id = $14::uuid then '{}' else jsonb_build_object('slug', left(coalesce($13::text, $14::text), 64)) end
    || case when $17::text is null then '{}' else jsonb_build_object($17::text, left($18::text, 64)) end), '{}'),
  --: origin_values
from (select) one left join caller on true
-- each by its own key; of both at once a small table would be read whole
left join lateral (
    (select * from m2m.organization o where o.organization_id = case when $19::bool then caller.organization_id else coalesce($15::uuid, $14::uuid) end)
    union all
    (select * from m2m.organization o where $15::uuid is null and $14::uuid is null and not $19::bool and o.slug = $13::text and o.deleted_at is null)
    limit 1) o on true
left join lateral (select * from m2m.client c where c.client_id = $16::text and c.organization_id = o.organization_id limit 1) c on true
where not $19::bool or (caller.live and caller.near)
