-- Makes a client and its first secret.
-- $1 to $6 as the part act_origin has them, $7 organization_id uuid, $8 client_id, $9 name or null,
-- $10 roles text[], $11 scopes text[], $12 audiences text[], $13 token_lifetime int4, $14
-- token_type or null, $15 key_id, $16 salt, $17 verifier, $18 hint, $19 allowed_networks text[] or
-- null, $20 auth_methods text[] or null, $21 token_binding and $22 profile, each null or 'none' for
-- none, and the secret's end: $23 seconds int4 or null, $24 time timestamptz or null.
-- Answers (outcome, client_columns, its entity-tag). Outcome `organization_not_found`.
with target as materialized (
  -- locked, so that it isn't deleted in this moment
  select o.organization_id, o.slug, o.secret_max_age from m2m.organization o
  where o.organization_id = $7::uuid and o.deleted_at is null for no key update
)
, made as (
  insert into m2m.client (client_id, organization_id, name, roles, scopes, audiences, token_lifetime, token_type, secret_version,
    allowed_networks, auth_methods, token_binding, profile)
  select $8::text, organization_id, coalesce($9::text, ''), $10::text[], $11::text[], $12::text[], $13::int4, $14::text, 1,
    --: networks($19)
    , $20::text[],
    --: word($21)
    ,
    --: word($22)
  from target
  returning *
)
, secret as (
  insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_by, created_at, expires_at)
  select made.client_id, 1, $15::text, $16::bytea, $17::bytea, $18::text, $1::text, made.created_at,
    --: secret_end(made.created_at, $23, $24, target.secret_max_age)
  from made, target
  returning hint, created_by, created_at, expires_at
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'create_client', case when made.client_id is null then 'organization_not_found' else 'granted' end, $7::uuid,
    made.client_id, made.secret_version,
    jsonb_strip_nulls(jsonb_build_object('name', $9::text, 'roles', $10::text[], 'scopes', $11::text[], 'audiences', $12::text[],
      'token_lifetime', $13::int4, 'token_type', $14::text,
      --: networks_told($19)
      , 'auth_methods', $20::text[], 'token_binding',
      --: word($21)
      , 'profile',
      --: word($22)
      , 'secret_expires_at', secret.expires_at)),
    --: act_origin
  from (select) one left join made on true left join secret on true
)
select case when made.client_id is null then 'organization_not_found' else 'granted' end,
  --: client_columns(target, made, secret)
  ,
  --: client_tag(target, made, secret)
  as tag
from (select) one left join target on true left join made on true left join secret on true
