-- The row of a token that m2mctl mints. $1 issued at, $2 lifetime, $3 jti, $4 organization, $5
-- request id,
-- $6 batch, $7 kid, $8 caller, $9 audience.
insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version,
                             transport, client_id, kid, caller, scope, audience)
values ($1::timestamptz, $1::timestamptz + make_interval(secs => $2::int4), $3::uuid, $4::uuid, $5::uuid, $6::uuid,
        null, 'c', null, $7::text, $8::text, '', $9::text)
