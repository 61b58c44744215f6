-- The last use of clients' credentials at the source, as one JSON array. $1 organization_id, $2 the
-- client id before the first, $3 how many clients int8.
-- Answers (last client id or null, array).
select max(c.client_id), coalesce(jsonb_agg(jsonb_build_object('client_id', c.client_id, 'kind', u.kind, 'credential_id', u.credential_id,
  'last_used_at', u.last_used_at, 'remote_addr', u.remote_addr, 'user_agent', u.user_agent)) filter (where u.last_used_at is not null), '[]')::text
from (select c.client_id from m2m.client c where c.organization_id = $1::uuid and c.deleted_at is null and c.client_id > $2::text
  order by c.client_id limit $3::int8) c
left join lateral m2m.credentials_last_used(c.client_id) u on true
