-- Deletes an organization with its clients.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 the entity-tags
-- text[] of which it must have one, or null.
-- Answers (outcome, org_columns). Outcome `organization_not_found`, `precondition_failed`.
with present as materialized (
  -- as it is once nobody else changes it
  select o.* from m2m.organization o where
    --: is_org(o, $7, $8)
  for no key update
)
, target as (
  select o.organization_id, o.slug, case
      --: org_tag_case($9)
      else 'granted' end as outcome
  from present o
    --: default_client_now(o)
)
, deleted as (
  update m2m.organization o set disabled_at = coalesce(o.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()
  from target where o.organization_id = target.organization_id and target.outcome = 'granted'
  returning o.*
)
, clients as materialized (
  select d.client_id, d.is_default from deleted cross join lateral m2m.delete_clients(deleted.organization_id) d
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'delete_organization', coalesce(target.outcome, 'organization_not_found'),
    target.organization_id, null, null::int4, jsonb_build_object('slug', coalesce(target.slug, $7::text, $8::text)),
    --: act_origin
  from (select) one left join target on true
  union all select 'delete_client', 'granted', deleted.organization_id, clients.client_id, null::int4, null,
    --: act_origin
  from deleted, clients
)
select coalesce(target.outcome, 'organization_not_found'),
  --: org_columns(deleted, clients)
from (select) one left join target on true left join deleted on true left join clients on clients.is_default
