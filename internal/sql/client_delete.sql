-- Deletes a client.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 client_id.
-- Answers (outcome, client_columns). Outcome `organization_not_found`, `client_not_found`,
-- `default_client`, `conflict`.
with target as (
  select o.organization_id, o.slug, c.client_id, case
      --: client_named_cases
      when c.is_default then 'default_client' else 'granted' end as outcome
  from
    --: client_named($7, $8, $9)
)
, deleted as (
  update m2m.client c set disabled_at = coalesce(c.disabled_at, statement_timestamp()), deleted_at = statement_timestamp()
  from target where c.client_id = target.client_id and c.deleted_at is null and not c.is_default and target.outcome = 'granted'
  returning c.*
)
, ended as (
  --: end_secrets(deleted)
)
, keys_ended as (
  --: end_keys(deleted)
)
, answer as (
  -- another one deleted it, or made it the default, after this statement had begun
  select target.*, case when target.outcome = 'granted' and deleted.client_id is null then 'conflict' else target.outcome end as result
  from target left join deleted on true
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'delete_client', result, organization_id, client_id, null, null,
    --: act_origin
  from answer
)
select target.result,
  --: client_columns(target, c, s)
from answer target left join deleted c on true
  --: current_secret
