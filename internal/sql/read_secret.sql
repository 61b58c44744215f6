-- Reads a client's secret, and records the reading, refused or not, of every live caller.
-- $1..$10 as the parts caller and origin_values have them, $11 client_id text (null: the
-- organization's default client), $12 ring text[], $13 to $19 as caller's last.
-- Answers (outcome, client_id, organization_id, version, key_id, salt, verifier, created_at,
-- expires_at). `secret_ended`: the current version opens nothing any more; only a rotation helps.
--: caller($13, $14, $15, $16, $17, $18, $19, limit 1 for share)
, target as (
  select case
--: caller_refused
      when not caller.admin then 'forbidden'
      when s.client_id is null then 'client_not_found'
      when not
--: secret_is_live(s)
      then 'secret_ended'
      when s.salt is null then 'secret_not_readable'
      when s.key_id <> all($12::text[]) then 'key_missing' else 'granted' end as outcome,
    t.client_id, caller.organization_id, s.version, s.key_id, s.salt, s.verifier, s.created_at, s.expires_at
  from (select) one left join caller on true
--: target_client
  left join lateral (select * from m2m.client_secret s where s.client_id = t.client_id and
--: secret_is_current(s, t)
    limit 1) s on true
), recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version,
--: origin_columns
    )
  select 'read_secret', outcome, organization_id, client_id, version,
--: origin_values
  from target where outcome <> 'invalid_token'
)
select * from target
