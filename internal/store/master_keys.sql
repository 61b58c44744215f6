-- The master keys that the database knows or the gateway has, and what needs each: live secrets,
-- 10000 at most, and signing keys that aren't revoked.
-- $1 the ring's names text[]. Answers (key_id, registered_at, secrets int8, signing keys int8).
select n.key_id, n.created_at,
  (select count(*) from (select from m2m.client_secret s where s.key_id = n.key_id and
      --: secret_may_be_live(s)
      and
      --: secret_is_live(s)
      limit 10000) s),
  (select count(*) from m2m.signing_key k where k.seal_key_id = n.key_id and k.state <> 'revoked')
from (
  select key_id, min(created_at) as created_at
  from (select key_id, created_at from m2m.key_check union all select unnest($1::text[]), null) both_sides group by key_id
) n
order by n.created_at, n.key_id
