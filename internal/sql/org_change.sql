-- Changes an organization.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 name or null, $10
-- whether issuer and external id change, $11 issuer or null, $12 external_id or null, $13 disabled
-- bool or null, $14 allowed_networks text[] or null, $15 secret_max_age int4 (null: it stays, 0:
-- none), $16 the entity-tags text[] of which it must have one, or null.
-- Answers (outcome, org_columns, its entity-tag). Outcome `organization_not_found`,
-- `precondition_failed`, `already_exists`.
--
-- An age that is set also bounds the live secrets (m2m.bound_secrets); each that gets an earlier
-- end so has a row of its own in the record. Ends stay when the age is taken away.
with present as materialized (
  -- as it is once nobody else changes it
  select o.* from m2m.organization o where
    --: is_org(o, $7, $8)
  for no key update
)
, target as (
  select o.organization_id, case
    --: org_tag_case($16)
    when $10::bool and exists (select from m2m.organization x where x.issuer = $11::text
      and x.external_id = $12::text and x.deleted_at is null and x.organization_id <> o.organization_id)
    then 'already_exists' else 'granted' end as outcome
  from present o
    --: default_client_now(o)
)
, changed as (
  update m2m.organization o set name = coalesce($9::text, o.name),
    issuer = case when $10::bool then coalesce($11::text, '') else o.issuer end,
    external_id = case when $10::bool then $12::text else o.external_id end,
    disabled_at = case when $13::bool is null then o.disabled_at when $13::bool then coalesce(o.disabled_at, statement_timestamp()) end,
    allowed_networks =
      --: networks_changed($14, o.allowed_networks)
    , secret_max_age = case when $15::int4 is null then o.secret_max_age else nullif($15::int4, 0) end
  from target where o.organization_id = target.organization_id and o.deleted_at is null and target.outcome = 'granted'
  returning o.*
)
, bounded as materialized (
  select changed.organization_id, b.* from changed cross join lateral m2m.bound_secrets(changed.organization_id, $15::int4) b
  where $15::int4 > 0
)
, answer as (
  -- what another one deleted after this statement had begun is not found either
  select case when target.outcome = 'granted' and changed.slug is null then 'organization_not_found'
    else coalesce(target.outcome, 'organization_not_found') end as outcome
  from (select) one left join target on true left join changed on true
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select a.action, answer.outcome, target.organization_id, null, null,
    case when target.outcome is null then coalesce(a.detail, '{}') || jsonb_build_object('slug', coalesce($7::text, $8::text)) else a.detail end,
    --: act_origin
  from (values
      ('set_organization', $9::text is not null or $10::bool or $14::text[] is not null or $15::int4 is not null,
        jsonb_strip_nulls(jsonb_build_object('name', $9::text,
          --: networks_told($14)
          , 'secret_max_age', case $15::int4 when 0 then to_jsonb('none'::text) else to_jsonb($15::int4) end))
        || case when $10::bool then jsonb_build_object('issuer', $11::text, 'external_id', $12::text) else '{}' end),
      ('disable_organization', $13::bool is true, null),
      ('enable_organization', $13::bool is false, null)
    ) a(action, wanted, detail)
  cross join answer left join target on true where a.wanted
  union all select 'bound_secret', 'granted', organization_id, client_id, secret_version,
    jsonb_build_object('secret_max_age', $15::int4, 'expires_at', expires_at),
    --: act_origin
  from bounded
)
select answer.outcome,
  --: org_columns(changed, c)
  ,
  --: org_tag(changed, c)
  as tag
from answer left join changed on true
  --: default_client_now(changed)
