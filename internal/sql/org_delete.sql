-- Deletes an organization with its clients.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null.
-- Answers (outcome, org_columns). Outcome `organization_not_found`.
with target as (
  update m2m.organization o set disabled_at = coalesce(o.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()
  where
    --: is_org(o, $7, $8)
  returning o.*
)
, clients as (
  update m2m.client c set disabled_at = coalesce(c.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()
  from target where c.organization_id = target.organization_id and c.deleted_at is null
  returning c.client_id, c.is_default
)
, ended as (
  --: end_secrets(clients)
)
, keys_ended as (
  --: end_keys(clients)
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'delete_organization', case when target.slug is null then 'organization_not_found' else 'granted' end,
    target.organization_id, null, null::int4, jsonb_build_object('slug', coalesce(target.slug, $7::text, $8::text)),
    --: act_origin
  from (select) one left join target on true
  union all select 'delete_client', 'granted', target.organization_id, clients.client_id, null::int4, null,
    --: act_origin
  from target, clients
)
select case when target.slug is null then 'organization_not_found' else 'granted' end,
  --: org_columns(target, clients)
from (select) one left join target on true left join clients on clients.is_default
