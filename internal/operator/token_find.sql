-- The row of token $1, whose iat is $2. The span of time lets the planner leave out all partitions
-- but two.
select issued_at, expires_at, organization_id, client_id, secret_version, transport, kid, caller, scope, audience,
       host(remote_addr), m2m.auth_method_name(auth_method), credential, bound_to
from m2m.token_audit
where jti = $1::uuid
  and issued_at >= to_timestamp($2::int8) - interval '1 minute'
  and issued_at <= to_timestamp($2::int8) + interval '1 minute'
limit 1
