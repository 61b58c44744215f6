-- Ends the tokens that an organization's clients have now.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null. The operator's tokens
-- live a day at most.
-- Answers (outcome, organization_id, not_before, expires_at). Outcome `organization_not_found`.
with target as materialized (
  select o.organization_id, clock_timestamp() as at from m2m.organization o where
    --: is_org(o, $7, $8)
)
, ended as (
  --: end_tokens_begin
  select m.organization_id, '', 0,
    --: tokens_not_before(m.at)
    , greatest(m.at + interval '1 day 10 seconds', (select max(
      --: last_token_expires(c, m.at)
      ) from m2m.client c where c.organization_id = m.organization_id)), m.at
  from target m
  --: end_tokens_end
  returning e.organization_id, e.not_before, e.expires_at
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'revoke_tokens', case when ended.not_before is null then 'organization_not_found' else 'granted' end, ended.organization_id,
    null, null, jsonb_strip_nulls(jsonb_build_object('not_before', ended.not_before, 'slug', coalesce($7::text, $8::uuid::text))),
    --: act_origin
  from (select) one left join ended on true
)
select case when e.not_before is null then 'organization_not_found' else 'granted' end, e.organization_id, e.not_before, e.expires_at
from (select) one left join ended e on true
