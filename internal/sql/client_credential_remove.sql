-- Takes a credential from a client. From the commit on nobody gets a token with it.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 client_id, $10
-- credential_id, $11 kind or null: any, $12 and $13 as the part client_credential_target has them.
-- Answers (outcome, client_credential_columns). Outcome `organization_not_found`,
-- `client_not_found`, `credential_not_found`.
with
--: client_credential_target($12, $13)
, ended as (
  update m2m.client_credential k set ended_at = clock_timestamp() from target
  where target.outcome = 'granted' and k.client_id = target.client_id and k.credential_id = $10::text and k.ended_at is null and k.kind = coalesce($11::text, k.kind)
  returning k.*
)
, answer as (
  select target.*, case when target.outcome = 'granted' and ended.client_id is null then 'credential_not_found' else target.outcome end as result
  from target left join ended on true
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'remove_' || coalesce(ended.kind, $11::text, 'credential'), result, organization_id, answer.client_id, null,
    jsonb_build_object('credential', $10::text),
    --: act_origin
  from answer left join ended on true where result <> 'invalid_token'
)
select answer.result,
  --: client_credential_columns(ended, answer)
from answer left join ended on true
