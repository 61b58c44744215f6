-- A batch of clients that are brought along, in organizations that are there.
-- $1 to $6 as the part act_origin has them, $7 the import's id uuid, $8 the batch: a JSON array of
-- lines, in their order. Answers (line, outcome) for each: `made`, `present` (it is there
-- already, of this organization, and stays as it is), `taken` (of another organization), `deleted`
-- (ids are never used again), `no_organization`, `other_organization` (the line names another id
-- than this organization has), `conflict` (somebody else made it in this moment).
--
-- An organization without a default client gets one: the first line that says so, else the first
-- one that doesn't say no.
--
-- A secret ends as its line says, and before it is older than its organization's secrets may be.
-- One that is that old already has a week left, or a whole age where that is shorter: as
-- m2m.bound_secrets leaves it. A version that ends once it is unused has all its time from now on.
with line as materialized (
  select * from jsonb_to_recordset($8::jsonb) as x(line int, client_id text, organization text, organization_id uuid,
    name text, roles text[], scopes text[], audiences text[], token_lifetime int, token_type text, networks text[], auth_methods text[],
    token_binding text, profile text, is_default bool, disabled bool, secret_version int, secrets jsonb,
    credentials jsonb)
)
, org as materialized (
  select o.organization_id, o.slug, o.secret_max_age from m2m.organization o
  where o.deleted_at is null and o.slug in (select organization from line) order by o.organization_id
  for no key update
)
, known as (
  select l.*, org.organization_id as org_id, make_interval(secs => org.secret_max_age) as age, c.organization_id as taken_by, c.deleted_at,
    row_number() over same_id as nth, first_value(l.organization) over same_id as first_organization
  from line l left join org on org.slug = l.organization left join m2m.client c on c.client_id = l.client_id
  window same_id as (partition by l.client_id order by l.line)
)
, judged as materialized (
  select k.*, case
      when k.deleted_at is not null then 'deleted'
      when k.taken_by is distinct from k.org_id and k.taken_by is not null then 'taken'
      when k.organization_id <> k.org_id then 'other_organization'
      when k.taken_by is not null then 'present'
      when k.nth > 1 then case when k.first_organization = k.organization then 'present' else 'taken' end
      when k.org_id is null then 'no_organization'
      else 'made' end as outcome
  from known k
)
, ranked as (
  select j.*, may.be_default and not exists (select from m2m.client d where d.organization_id = j.org_id and d.is_default)
      and row_number() over (partition by j.org_id, may.be_default order by j.is_default is true desc, j.line) = 1 as first_default
  from judged j
  cross join lateral (select j.is_default is distinct from false and not coalesce(j.disabled, false) as be_default) may
  where j.outcome = 'made'
)
, made as (
  insert into m2m.client (client_id, organization_id, is_default, name, roles, scopes, audiences, token_lifetime, token_type, secret_version,
    allowed_networks, auth_methods, token_binding, profile, disabled_at)
  select client_id, org_id, first_default, coalesce(name, ''), roles, scopes, audiences, token_lifetime, token_type, secret_version,
    networks::cidr[], auth_methods, token_binding, profile, case when disabled then statement_timestamp() end
  from ranked
  on conflict (client_id) do nothing
  returning client_id
)
-- `is true`: a hashed look-up. A join of a thousand lines, which the planner takes for few, would
-- be a nested loop.
, fresh as materialized (select r.* from ranked r where (r.client_id in (select client_id from made)) is true)
, secret as (
  insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, foreign_hash, created_at, ended_at, expires_at, unused_for)
  select f.client_id, s.version, s.key_id, s.salt, s.verifier, s.hint, s.foreign_hash, coalesce(s.created_at, statement_timestamp()),
    case when s.version <> f.secret_version then statement_timestamp() end,
    least(s.expires_at, case when f.age is not null
      then greatest(coalesce(s.created_at, statement_timestamp()) + f.age, statement_timestamp() + least(f.age, interval '7 days')) end),
    case when s.version <> f.secret_version and s.expires_at is not null then s.unused_for end
  from fresh f cross join lateral jsonb_to_recordset(f.secrets) as s(version int, key_id text, salt bytea, verifier bytea, hint text,
    foreign_hash text, created_at timestamptz, expires_at timestamptz, unused_for int)
  returning client_id, version, unused_for
)
, looked_at as (
  insert into m2m.secret_unused_look (client_id, version, look_at)
  select s.client_id, s.version, statement_timestamp() + make_interval(secs => s.unused_for) from secret s where s.unused_for is not null
)
, credential as materialized (
  select f.client_id, f.org_id, k.* from fresh f cross join lateral jsonb_to_recordset(f.credentials) as k(credential_id text, kind text,
    name text, public_jwk text, issuer text, subject text, audience text, claims text, may_replay bool, created_at timestamptz,
    expires_at timestamptz)
)
, registered as (
  insert into m2m.client_credential (client_id, credential_id, kind, name, public_jwk, issuer, subject, audience, claims, may_replay,
    created_at, expires_at)
  select client_id, credential_id, kind, coalesce(name, ''), public_jwk, issuer, subject, audience, claims::jsonb, may_replay,
    coalesce(created_at, statement_timestamp()), expires_at
  from credential
)
, told as (
  insert into m2m.admin_audit (action, outcome, organization_id, client_id, detail,
--: origin_columns
    )
  select 'add_' || k.kind, 'granted', k.org_id, k.client_id, jsonb_strip_nulls(jsonb_build_object('credential', k.credential_id,
      'name', k.name, 'expires_at', k.expires_at, 'issuer', k.issuer, 'subject', k.subject, 'audience', k.audience,
      'claims', k.claims::jsonb, 'import', $7::uuid)),
    --: act_origin
  from credential k
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, detail,
--: origin_columns
    )
  select 'create_client', 'granted', f.org_id, f.client_id, f.secret_version, jsonb_strip_nulls(jsonb_build_object('name', f.name,
      'roles', f.roles, 'scopes', f.scopes, 'audiences', f.audiences, 'token_lifetime', f.token_lifetime, 'token_type', f.token_type,
      'allowed_networks', f.networks, 'auth_methods', f.auth_methods, 'token_binding', f.token_binding, 'profile', f.profile,
      'default', nullif(f.first_default, false), 'disabled', nullif(f.disabled, false), 'import', $7::uuid)),
    --: act_origin
  from fresh f
)
, counted as (
  insert into m2m.client_import (import_id, actor) select $7::uuid, $1::text from fresh limit 1 on conflict do nothing
)
select j.line, case when j.outcome = 'made' and (j.line in (select line from fresh)) is not true then 'conflict' else j.outcome end
from judged j order by j.line
