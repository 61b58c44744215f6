-- What still needs each key: live secrets that were derived from it, and signing keys that are
-- sealed with it (but those that are revoked, which nobody opens again).
-- $1 the ring's names text[]. Answers (key_id, created_at, secrets, signing keys).
with used as (
  select s.key_id, count(*) as secrets, 0 as signing from m2m.client_secret s
  where
    --: secret_is_live(s)
  group by s.key_id
  union all select k.seal_key_id, 0, count(*) from m2m.signing_key k where k.state <> 'revoked' group by k.seal_key_id
)
select n.key_id, n.created_at, coalesce(u.secrets, 0)::int8, coalesce(u.signing, 0)::int8
from (
  select key_id, min(created_at) as created_at
  from (select key_id, created_at from m2m.key_check union all select unnest($1::text[]), null) both_sides group by key_id
) n
left join (select key_id, sum(secrets) as secrets, sum(signing) as signing from used group by key_id) u using (key_id)
order by n.created_at, n.key_id
