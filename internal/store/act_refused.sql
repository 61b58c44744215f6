-- Records an act that was refused outside of its own statement: who asked may not, or PostgreSQL
-- took the statement back, since the organization moves.
-- $1 to $6 as the part act_origin has them, $7 action text, $8 outcome text, $9 slug or null, $10
-- id or null: what the request named; $11 the caller's organization uuid or null, which counts
-- first; $12 client_id or null, $13 a member of the detail or null, and $14 its text or null; $15
-- whether the row is of the caller's organization alone bool.
insert into m2m.admin_audit (
  --: act_columns
  )
select $7::text, $8::text, o.organization_id, c.client_id, null,
  nullif(jsonb_strip_nulls(
    case when o.slug = $9::text or o.organization_id = $10::uuid then '{}' else jsonb_build_object('slug', left(coalesce($9::text, $10::text), 64)) end
    || case when $13::text is null then '{}' else jsonb_build_object($13::text, left($14::text, 64)) end), '{}'),
  --: act_origin
from (select) one
-- each by its own key; of both at once a small table would be read whole
left join lateral (
    (select * from m2m.organization o where o.organization_id = coalesce($11::uuid, case when not $15::bool then $10::uuid end))
    union all
    (select * from m2m.organization o where $11::uuid is null and $10::uuid is null and not $15::bool and o.slug = $9::text and o.deleted_at is null)
    limit 1) o on true
left join lateral (select * from m2m.client c where c.client_id = $12::text and c.organization_id = o.organization_id limit 1) c on true
