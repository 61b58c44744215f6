-- Units as org_move_write.sql takes them: one JSON array. $1 organization_id, $2 part, $3 keys
-- text[].
select coalesce(jsonb_agg(doc), '[]')::text
from (
  select to_jsonb(o) - 'moving' - 'moved_to' as doc from m2m.organization o where $2::text = 'organization' and o.organization_id = $1::uuid
  union all
  select jsonb_build_object('client', to_jsonb(c),
    'secrets', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from m2m.client_secret s where s.client_id = c.client_id),
    'credentials', (select coalesce(jsonb_agg(to_jsonb(k)), '[]') from m2m.client_credential k where k.client_id = c.client_id),
    'looks', (select coalesce(jsonb_agg(to_jsonb(l) || '{"look_at": "infinity"}'), '[]') from m2m.secret_unused_look l
              where l.client_id = c.client_id))
  from m2m.client c where $2::text = 'client' and c.client_id = any ($3::text[]) and c.organization_id = $1::uuid
  union all
  select to_jsonb(r) from m2m.revoked_token r where $2::text = 'revoked' and r.jti = any ($3::text[]::uuid[]) and r.organization_id = $1::uuid
  union all
  select to_jsonb(t) from m2m.tokens_ended t where $2::text = 'ended' and t.organization_id = $1::uuid
    and concat_ws(' ', t.client_id, t.secret_version, t.credential) = any ($3::text[])
  union all
  select to_jsonb(i) from m2m.idempotency i where $2::text = 'replay' and i.organization_id = $1::uuid and i.idempotency_key = any ($3::text[])
) doc
