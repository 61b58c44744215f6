-- The row of a token that m2mctl mints. $1 issued at, $2 lifetime, $3 jti, $4 organization, $5
-- request id,
-- $6 batch, $7 kid, $8 caller, $9 audience. Answers one row, or none: the organization doesn't live
-- here, or is moving.
insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version,
                             transport, client_id, kid, caller, scope, audience)
select $1::timestamptz, $1::timestamptz + make_interval(secs => $2::int4), $3::uuid, $4::uuid, $5::uuid, $6::uuid,
  null::int4, 'c'::"char", null::text, $7::text, $8::text, '', $9::text
where not exists (select from m2m.organization o where o.organization_id = $4::uuid and o.moving is not null)
returning 1
