-- The organizations of a batch of clients that are brought along: makes those that aren't there.
-- $1 to $6 as the part act_origin has them, $7 the import's id uuid, $8 the batch, as
-- client_import.sql has it. Answers how many it made.
--
-- A line whose client is there already makes nothing. A name, an id or an external id that
-- somebody takes in this moment isn't made twice; the statement after this one finds it.
with line as (
  select distinct on (x.organization) x.* from jsonb_to_recordset($8::jsonb) as x(line int, client_id text, organization text,
    organization_id uuid, organization_fresh uuid, organization_name text, organization_issuer text,
    organization_external_id text, organization_networks text[], organization_secret_max_age int,
    organization_disabled bool)
  where not exists (select from m2m.client c where c.client_id = x.client_id)
    and not exists (select from m2m.organization o where o.slug = x.organization and o.deleted_at is null)
  order by x.organization, x.line
)
, made as (
  insert into m2m.organization (organization_id, slug, name, issuer, external_id, allowed_networks, secret_max_age, disabled_at)
  select coalesce(organization_id, organization_fresh), organization, coalesce(organization_name, organization),
    coalesce(organization_issuer, ''), organization_external_id, organization_networks::cidr[], organization_secret_max_age,
    case when organization_disabled then statement_timestamp() end
  from line
  on conflict do nothing
  returning *
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, detail,
--: origin_columns
    )
  select 'create_organization', 'granted', organization_id, jsonb_strip_nulls(jsonb_build_object('slug', slug, 'name', name,
      'issuer', nullif(issuer, ''), 'external_id', external_id, 'allowed_networks', to_jsonb(allowed_networks), 'secret_max_age', secret_max_age,
      'disabled', case when disabled_at is not null then true end, 'import', $7::uuid)),
    --: act_origin
  from made
)
select count(*) from made
