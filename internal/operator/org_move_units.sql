-- What is copied of an organization, each unit with a hash of it: a client with all that belongs to
-- it; a token, or many, that have ended; the answer to a rotation that may be asked for again.
-- $1 organization_id, $2 what expires before then is left out.
-- Answers (part, key, hash, expires_at), by part and key.
--
-- A version that ends once it is unused is looked at where the organization lives, so when to look
-- isn't compared.
select part, key, sha256(convert_to(string_agg(text, e'\n' order by kind, text collate "C"), 'UTF8')), expires_at
from (
  select 'organization' as part, '' as key, 0 as kind, (to_jsonb(o) - 'moving' - 'moved_to')::text as text, null::timestamptz as expires_at
  from m2m.organization o where o.organization_id = $1::uuid
  union all
  select 'client', c.client_id, 0, c::text, null from m2m.client c where c.organization_id = $1::uuid
  union all
  select 'client', s.client_id, 1, s::text, null
  from m2m.client c join m2m.client_secret s on s.client_id = c.client_id where c.organization_id = $1::uuid
  union all
  select 'client', k.client_id, 2, k::text, null
  from m2m.client c join m2m.client_credential k on k.client_id = c.client_id where c.organization_id = $1::uuid
  union all
  select 'client', l.client_id, 3, (l.version, l.used_at)::text, null
  from m2m.client c join m2m.secret_unused_look l on l.client_id = c.client_id where c.organization_id = $1::uuid
  union all
  select 'revoked', r.jti::text, 0, r::text, r.expires_at from m2m.revoked_token r
  where r.organization_id = $1::uuid and r.expires_at > $2::timestamptz
  union all
  select 'ended', concat_ws(' ', t.client_id, t.secret_version, t.credential), 0, t::text, t.expires_at from m2m.tokens_ended t
  where t.organization_id = $1::uuid and t.expires_at > $2::timestamptz
  union all
  select 'replay', i.idempotency_key, 0, i::text, i.rotated_at + interval '24 hours' from m2m.idempotency i
  where i.organization_id = $1::uuid and i.rotated_at + interval '24 hours' > $2::timestamptz
) unit
group by part, key, expires_at order by part collate "C", key collate "C"
