-- Adds a credential to a client, which may show such ones from then on: auth_methods has the kind.
-- $1 to $6 as the part act_origin has them, $7 slug or null, $8 id or null, $9 client_id, $10
-- credential_id text, $11 kind text, $12 name text or null, $13 expires_at timestamptz or null, $14
-- public_jwk text (of a key), and of a workload $15 issuer, $16 subject, $17 audience, $18 claims
-- (JSON), all text, $19 may_replay (true or false), $20 and $21 as client_credential_target has
-- them.
-- Answers (outcome, client_credential_columns). Outcome `organization_not_found`,
-- `client_not_found`; `already_exists`: it has this one; `too_many_credentials`: it has eight of
-- the kind, those counted whose end has come; `profile_unmet`: its profile forbids the kind.
with
--: client_credential_target($20, $21)
, client as materialized (
  -- of two that add at once the second waits here, and then counts the first one's
  select c.client_id, c.profile is distinct from 'fapi2' or $11::text in ('key', 'certificate') as met
  from target join m2m.client c on c.client_id = target.client_id and c.deleted_at is null
  where target.outcome = 'granted' for no key update of c
)
, has as materialized (
  select client.client_id, client.met, k.credentials, k.present from client
  cross join lateral m2m.client_credentials_now(client.client_id, $10::text, $11::text) k
)
, made as (
  insert into m2m.client_credential (client_id, credential_id, kind, name, expires_at, public_jwk, issuer, subject, audience, claims, may_replay)
  select has.client_id, $10::text, $11::text, coalesce($12::text, ''), $13::timestamptz, $14::text, $15::text, $16::text, $17::text,
    $18::text::jsonb, $19::text::bool
  from has where has.met and not has.present and has.credentials < 8
  returning *
)
, allowed as (
  update m2m.client c set auth_methods = case when $11::text = any (coalesce(c.auth_methods, '{secret}')) then c.auth_methods
    else coalesce(c.auth_methods, '{secret}') || $11::text end
  from made where c.client_id = made.client_id
)
, answer as (
  select target.*, case when target.outcome <> 'granted' or made.client_id is not null then target.outcome
      -- another one deleted the client after this statement had begun
      when has.client_id is null then 'client_not_found'
      when not has.met then 'profile_unmet'
      when has.present then 'already_exists' else 'too_many_credentials' end as result
  from target left join has on true left join made on true
)
, recorded as (
  insert into m2m.admin_audit (
    --: act_columns
    )
  select 'add_' || $11::text, result, organization_id, client_id, null,
    jsonb_strip_nulls(jsonb_build_object('credential', $10::text, 'name', $12::text, 'expires_at', $13::timestamptz,
      'issuer', $15::text, 'subject', $16::text, 'audience', $17::text, 'claims', $18::text::jsonb)),
    --: act_origin
  from answer where result <> 'invalid_token'
)
select answer.result,
  --: client_credential_columns(made, answer)
from answer left join made on true
