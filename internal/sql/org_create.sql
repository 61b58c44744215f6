-- Makes an organization, its default client and that one's first secret.
-- $1 to $6 as the part act_origin has them, $7 organization_id uuid, $8 slug, $9 name, $10 issuer
-- or null, $11 external_id or null, $12 client_id, $13 client's name or null, $14 roles text[], $15
-- scopes text[], $16 audiences text[], $17 token_lifetime int4, $18 token_type or null, $19 key_id,
-- $20 salt, $21 verifier, $22 hint, $23 allowed_networks text[] or null, $24 the client's, $25
-- auth_methods text[] or null, $26 token_binding and $27 profile, each null or 'none' for none, $28
-- secret_max_age int4 (0: none), and the secret's end: $29 seconds int4 or null, $30 time
-- timestamptz or null.
-- Answers (outcome, org_columns, its entity-tag). Outcome `already_exists`.
with made as (
  insert into m2m.organization (organization_id, slug, name, issuer, external_id, allowed_networks, secret_max_age)
  values ($7::uuid, $8::text, $9::text, coalesce($10::text, ''), $11::text,
    --: networks($23)
    , nullif($28::int4, 0)) on conflict do nothing returning *
)
, client as (
  insert into m2m.client (client_id, organization_id, is_default, name, roles, scopes, audiences, token_lifetime, token_type,
    secret_version, allowed_networks, auth_methods, token_binding, profile)
  select $12::text, organization_id, true, coalesce($13::text, ''), $14::text[], $15::text[], $16::text[], $17::int4, $18::text, 1,
    --: networks($24)
    , $25::text[],
    --: word($26)
    ,
    --: word($27)
  from made
  returning client_id, created_at
)
, secret as (
  insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_by, created_at, expires_at)
  select client.client_id, 1, $19::text, $20::bytea, $21::bytea, $22::text, $1::text, client.created_at,
    --: secret_end(client.created_at, $29, $30, made.secret_max_age)
  from client, made
  returning expires_at
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select a.action, case when made.slug is null then 'already_exists' else 'granted' end, made.organization_id, a.client_id, a.version, a.detail,
    --: act_origin
  from (values
      ('create_organization', null, null::int4, jsonb_strip_nulls(jsonb_build_object('slug', $8::text, 'name', $9::text,
        'issuer', $10::text, 'external_id', $11::text,
        --: networks_told($23)
        , 'secret_max_age', nullif($28::int4, 0)))),
      ('create_client', $12::text, 1, jsonb_strip_nulls(jsonb_build_object('name', $13::text, 'roles', $14::text[],
        'scopes', $15::text[], 'audiences', $16::text[], 'token_lifetime', $17::int4, 'token_type', $18::text,
        --: networks_told($24)
        , 'auth_methods', $25::text[], 'token_binding',
        --: word($26)
        , 'profile',
        --: word($27)
        , 'secret_expires_at', (select expires_at from secret))))
    ) a(action, client_id, version, detail)
  left join made on true where made.slug is not null or a.action = 'create_organization'
)
select case when made.slug is null then 'already_exists' else 'granted' end,
  --: org_columns(made, client)
  ,
  --: org_tag(made, client)
  as tag
from (select) one left join made on true left join client on true
