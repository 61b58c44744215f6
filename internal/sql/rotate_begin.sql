-- Finds the version that a rotation is to replace, or what an earlier rotation with the same
-- idempotency key answered.
-- $1..$10 as the parts caller and origin_values have them, $11 client_id text (null: the
-- organization's default client), $12 ring text[], $13 idempotency_key text or null, $14
-- request_hash bytea, $15 bearer_hash bytea or null, $16 to $22 as caller's last.
-- Answers (outcome, client_id, organization_id, version, key_id, salt, verifier, rotated_at,
-- previous_secret_expires_at, expires_at). Outcome `granted`: version is the one to be replaced;
-- `replay`: version, key and times are the earlier answer's. A replay is also given, for ten
-- minutes, to the bearer that the rotation itself ended: its secret's version was replaced, and has
-- the end that the rotation gave it; perhaps that version's tokens ended too (rotate.sql writes the
-- same time for both). Whatever else has ended it counts. Refusals of live callers and replays are
-- recorded here, the rotation itself by rotate.sql.
--: caller($16, $17, $18, $19, $20, $21, $22, limit 1 for share)
, target as (
  select case
      when caller.organization_id is null then 'invalid_token'
      when not caller.live and not coalesce(i.bearer_hash = $15::bytea and i.request_hash = $14::bytea
        and i.rotated_at > statement_timestamp() - interval '10 minutes'
        and i.client_id = $1::text and i.secret_version > $2::int4
        and exists (select from m2m.client_secret own where
          --: bearer_secret(own, $1::text, $2::int4, $16::bytea, nullif($17::int8, 0))
          and own.expires_at in ('-infinity', i.previous_secret_expires_at))
        and not (
          --: token_was_revoked($20::uuid)
          )
        and not exists (select from m2m.tokens_ended te where
          --: ends_token(te, caller.organization_id, $1::text, $2::int4, nullif($17::int8, 0))
          and (te.secret_version = 0 or te.ended_at <> i.rotated_at)), false) then 'invalid_token'
      when not caller.near then 'network_not_allowed'
      --: move_cases(caller)
      when not caller.admin then 'forbidden'
      when i.request_hash <> $14::bytea then 'idempotency_key_reused'
      when i.client_id is not null then case when s.key_id <> all($12::text[]) then 'key_missing' else 'replay' end
      when t.client_id is null then 'client_not_found' else 'granted' end as outcome,
    coalesce(i.client_id, t.client_id) as client_id, caller.organization_id,
    coalesce(i.secret_version, t.secret_version) as version,
    s.key_id, s.salt, s.verifier, i.rotated_at, i.previous_secret_expires_at, i.secret_expires_at
  from (select) one left join caller on true
--: target_client
  left join lateral (select * from m2m.idempotency i
    where i.organization_id = caller.organization_id and i.idempotency_key = $13::text
      and i.rotated_at > statement_timestamp() - interval '24 hours' limit 1) i on true
  left join lateral (select * from m2m.client_secret s
    where s.client_id = i.client_id and s.version = i.secret_version limit 1) s on true
), recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version,
--: origin_columns
    )
  select 'rotate_secret', outcome, organization_id, client_id, version,
--: origin_values
  from target where outcome not in ('granted', 'invalid_token')
)
select * from target
