-- Deletes a client.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 client_id, $10
-- the entity-tags text[] of which it must have one, or null.
-- Answers (outcome, client_columns). Outcome `organization_not_found`, `client_not_found`,
-- `precondition_failed`, `default_client`.
with
--: client_locked($7, $8, $9)
, target as (
  select o.organization_id, o.slug, c.client_id, case
      --: client_named_cases
      --: client_tag_case($10)
      when c.is_default then 'default_client' else 'granted' end as outcome
  from (select) one left join org o on true left join present c on true
    --: current_secret_now
)
, deleted as (
  update m2m.client c set disabled_at = coalesce(c.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()
  from target where c.client_id = target.client_id and target.outcome = 'granted'
  returning c.*
)
, ended as materialized (
  select m2m.end_credentials(array[deleted.client_id]) from deleted
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'delete_client', outcome, organization_id, client_id, null, null,
    --: act_origin
  from target left join ended on true
)
select target.outcome,
  --: client_columns(target, c, s)
from target left join deleted c on true
  --: current_secret
