-- Revocation (RFC 7009) of a client's own token, by the client itself. A token of another client,
-- an expired one and one that was revoked before change nothing.
-- $1 client_id text, $2 verifiers bytea, $3 ring text[], $4 remote_addr text or null, $5 to $12 the
-- token as the part token_of_parameters has it, $13 actor text, $14 request_id uuid, $15 transport
-- "char", $16 remote_addr text or null, $17 user_agent text or null, $18 traceparent text or null,
-- $19 to $23 the client's other credential as the part client_shown has it, $24 whether every
-- client is held to FAPI 2.0, bool.
-- Answers (outcome, organization_id of the caller). Outcome `stale_key`: the gateway shall read the
-- keys again.
with dec as (
  select case
      --: client_cases($3, $24::bool)
      --: stale_key_case
      else 'granted' end as outcome,
    c.organization_id, c.client_id, c.roles, asked.used_once, asked.used_until, 1::int8 as ord,
    t.jti, t.version, to_timestamp(t.exp) as expires_at,
    t.verified and t.client_id = c.client_id and t.organization_id = c.organization_id as own
  from
  --: client_shown($19, $20, $21, $22, $23)
  --: client_lookups($3)
  cross join
--: token_of_parameters
)
,
--: used_once
, verdict as (select verdict as outcome, organization_id, client_id, jti, version, expires_at, own from fin)
, revoked as (
  insert into m2m.revoked_token (jti, expires_at, client_id, organization_id, revoked_by)
  select jti, expires_at, client_id, organization_id, $13::text from verdict
  where outcome = 'granted' and own and jti is not null and expires_at > statement_timestamp()
  on conflict do nothing returning jti, client_id, organization_id
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version, detail,
    --: origin_columns
    )
  select 'revoke_token', 'granted', r.organization_id, r.client_id, nullif(v.version, 0), jsonb_build_object('jti', r.jti),
    $13::text, $14::uuid, $15::"char", $16::text::inet, $17::text, $18::text
  from revoked r cross join verdict v
)
select outcome, organization_id from verdict
