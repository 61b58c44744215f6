-- Clients as `m2mctl client import` takes them again: a JSON text for each, by client id.
-- $1 organization's slug or null, $2 its id or null: both null are all; $3 the client id before
-- the first, or null; $4 limit int8. Answers (client_id, json).
--
-- Of its secrets those that are live, and the current one: by our verifier with what the secret is
-- derived from, or by the other product's hash as long as that is all there is. Of its keys,
-- certificates and workloads those that weren't removed.
select c.client_id, json_strip_nulls(json_build_object(
  'organization', o.slug, 'organization_id', o.organization_id, 'organization_name', o.name,
  'organization_issuer', nullif(o.issuer, ''), 'organization_external_id', o.external_id,
  'organization_networks', o.allowed_networks, 'organization_secret_max_age', o.secret_max_age,
  'organization_disabled', case when o.disabled_at is not null then true end, 'client_id', c.client_id, 'name', c.name, 'default', c.is_default,
  'disabled', case when c.disabled_at is not null then true end, 'roles', c.roles, 'scopes', c.scopes, 'audiences', c.audiences,
  'token_lifetime', c.token_lifetime, 'token_type', c.token_type, 'allowed_networks', c.allowed_networks, 'auth_methods', c.auth_methods,
  'token_binding', c.token_binding, 'profile', c.profile, 'secrets', s.kept, 'credentials', k.registered))::text
from (
  select c.* from m2m.client c join m2m.organization o on o.organization_id = c.organization_id
  where c.deleted_at is null and o.deleted_at is null and ($1::text is null or o.slug = $1::text)
    and ($2::uuid is null or o.organization_id = $2::uuid) and c.client_id > coalesce($3::text, '')
  order by c.client_id limit $4::int8
) c
join m2m.organization o on o.organization_id = c.organization_id
cross join lateral (
  select json_agg(json_build_object('version', s.version, 'key_id', s.key_id, 'salt', encode(s.salt, 'base64'),
    'verifier', encode(s.verifier, 'base64'), 'hint', s.hint, 'hash', s.foreign_hash, 'unused_for', s.unused_for,
    'created_at', to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'expires_at', to_char(s.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by s.version) as kept
  from m2m.client_secret s
  where s.client_id = c.client_id and (
--: secret_is_current(s, c)
    or
--: secret_is_live(s)
    )
) s
cross join lateral (
  select json_agg(json_build_object('kind', k.kind, 'credential_id', k.credential_id, 'name', nullif(k.name, ''), 'public_key', k.public_jwk,
    'issuer', k.issuer, 'subject', k.subject, 'audience', k.audience, 'claims', k.claims, 'may_replay', k.may_replay,
    'created_at', to_char(k.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'expires_at', to_char(k.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) order by k.created_at, k.credential_id) as registered
  from m2m.client_credential k where k.client_id = c.client_id and k.ended_at is null
) k
order by c.client_id
