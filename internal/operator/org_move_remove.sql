-- Takes units away at the target, which the source has otherwise or not at all. $1 organization_id,
-- $2 part, $3 keys text[].
with client as (
  select c.client_id from m2m.client c where $2::text = 'client' and c.organization_id = $1::uuid and c.client_id = any ($3::text[])
)
, looks as (delete from m2m.secret_unused_look l using client where l.client_id = client.client_id)
, credentials as (delete from m2m.client_credential k using client where k.client_id = client.client_id)
, secrets as (delete from m2m.client_secret s using client where s.client_id = client.client_id)
, uses as (delete from m2m.credential_use_before u using client where u.client_id = client.client_id)
, clients as (delete from m2m.client c using client where c.client_id = client.client_id)
, revoked as (
  delete from m2m.revoked_token r where $2::text = 'revoked' and r.jti = any ($3::text[]::uuid[]) and r.organization_id = $1::uuid
)
, ended as (
  delete from m2m.tokens_ended t where $2::text = 'ended' and t.organization_id = $1::uuid
    and concat_ws(' ', t.client_id, t.secret_version, t.credential) = any ($3::text[])
)
delete from m2m.idempotency i where $2::text = 'replay' and i.organization_id = $1::uuid and i.idempotency_key = any ($3::text[])
