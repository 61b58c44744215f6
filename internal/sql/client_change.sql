-- Changes a client.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 client_id, then what
-- changes, null where it stays: $10 name, $11 roles text[], $12 scopes text[], $13 audiences
-- text[], $14 token_lifetime int4, $15 token_type ('default': none of its own), $16 disabled bool,
-- $17 whether it becomes the organization's default client (only one that isn't disabled afterwards
-- can), $18 allowed_networks text[], $19 auth_methods text[], $20 token_binding and $21 profile
-- ('none': none), $22 the entity-tags text[] of which it must have one, or null.
-- Answers (outcome, client_columns, its entity-tag). Outcome `organization_not_found`,
-- `client_not_found`, `precondition_failed`; `default_client`: it stays that until another one
-- becomes it; `conflict`: it is disabled and can't become it; `profile_unmet`: together with what
-- stays, it isn't what the profile wants.
with
--: client_locked($7, $8, $9)
, later as (
  select
    --: word_changed($21, c.profile)
    as profile,
    --: word_changed($20, c.token_binding)
    as token_binding, coalesce($19::text[], c.auth_methods) as auth_methods
  from present c
)
, target as (
  select o.organization_id, o.slug, c.client_id, case
      --: client_named_cases
      --: client_tag_case($22)
      when $17::bool is false and c.is_default then 'default_client'
      when $17::bool and coalesce($16::bool, c.disabled_at is not null) then 'conflict'
      -- what the constraint client_profile wants
      when not (later.profile is distinct from 'fapi2'
        or later.token_binding is not null and coalesce(later.auth_methods <@ '{key,certificate}'::text[], false)) then 'profile_unmet'
      else 'granted' end as outcome
  from (select) one left join org o on true left join present c on true left join later on true
    --: current_secret_now
)
, handed_over as (
  -- the constraint that allows one default looks at the statement's end
  update m2m.client c set is_default = false from target
  where $17::bool and target.outcome = 'granted' and c.organization_id = target.organization_id and c.is_default
    and c.client_id <> target.client_id and c.deleted_at is null
)
, changed as (
  update m2m.client c set name = coalesce($10::text, c.name), roles = coalesce($11::text[], c.roles),
    scopes = coalesce($12::text[], c.scopes), audiences = coalesce($13::text[], c.audiences),
    token_lifetime = coalesce($14::int4, c.token_lifetime),
    token_type = case when $15::text is null then c.token_type when $15::text <> 'default' then $15::text end,
    disabled_at = case when $16::bool is null then c.disabled_at when $16::bool then coalesce(c.disabled_at, statement_timestamp()) end,
    is_default = c.is_default or $17::bool is true, allowed_networks =
      --: networks_changed($18, c.allowed_networks)
    , auth_methods = coalesce($19::text[], c.auth_methods), token_binding =
      --: word_changed($20, c.token_binding)
    , profile =
      --: word_changed($21, c.profile)
  from target where c.client_id = target.client_id and c.deleted_at is null and target.outcome = 'granted'
  returning c.*
)
, answer as (
  -- what another one deleted after this statement had begun is not found either
  select target.*, case when target.outcome = 'granted' and changed.client_id is null then 'client_not_found' else target.outcome end as result
  from target left join changed on true
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select a.action, target.result, target.organization_id, target.client_id, null, a.detail,
    --: act_origin
  from (values
      ('set_client', num_nonnulls($10::text, $11::text[], $12::text[], $13::text[], $14::int4, $15::text, $18::text[], $19::text[],
          $20::text, $21::text) > 0 or $17::bool is not null,
        jsonb_strip_nulls(jsonb_build_object('name', $10::text, 'roles', $11::text[], 'scopes', $12::text[], 'audiences', $13::text[],
          'token_lifetime', $14::int4, 'token_type', $15::text, 'default', $17::bool,
          --: networks_told($18)
          , 'auth_methods', $19::text[], 'token_binding', $20::text, 'profile', $21::text))),
      ('disable_client', $16::bool is true, null),
      ('enable_client', $16::bool is false, null)
    ) a(action, wanted, detail), answer target where a.wanted
)
select target.result,
  --: client_columns(target, c, s)
  ,
  --: client_tag(target, c, s)
  as tag
from answer target left join changed c on true
  --: current_secret_now
