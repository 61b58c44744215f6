-- Ends a client's tokens that it has now.
-- $1 to $6 as the part act_origin has them, $7 client_id text, $8 organization_id uuid, $9
-- secret_version int4, 0 for all. The time is taken after the client's lock was got, as a
-- rotation's is.
-- Answers (outcome, organization_id, not_before, expires_at). Outcome `client_not_found`.
with target as materialized (
  select c.* from m2m.client c where c.client_id = $7::text and c.organization_id = $8::uuid and c.deleted_at is null
    and c.secret_version >= $9::int4 for no key update
)
, moment as materialized (select *, clock_timestamp() as at from target)
, ended as (
  --: end_tokens_begin
  select m.organization_id, m.client_id, $9::int4,
    --: tokens_not_before(m.at)
    ,
    --: last_token_expires(m, m.at)
    , m.at
  from moment m
  --: end_tokens_end
  returning e.organization_id, e.not_before, e.expires_at
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'revoke_tokens', case when ended.not_before is null then 'client_not_found' else 'granted' end, $8::uuid, $7::text,
    nullif($9::int4, 0), jsonb_strip_nulls(jsonb_build_object('not_before', ended.not_before)),
    --: act_origin
  from (select) one left join ended on true
)
select case when e.not_before is null then 'client_not_found' else 'granted' end, e.organization_id, e.not_before, e.expires_at
from (select) one left join ended e on true
