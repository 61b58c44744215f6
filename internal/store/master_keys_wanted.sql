-- What the database wants of a gateway's master keys.
-- $1 the ring's names text[], the active key's first; $2 their check values bytea[].
-- Answers (for secrets text, for signing keys text, others text, whether the active key is known
-- bool). The texts are names of master keys, joined, or null: those that the ring lacks and a live
-- secret, or a signing key that isn't revoked, needs; and those that the database knows with
-- another check value.
with recursive used as (
  -- from name to name by the index, however many secrets each has
  (select s.key_id from m2m.client_secret s where
    --: secret_may_be_live(s)
    order by s.key_id limit 1)
  union all
  select (select s.key_id from m2m.client_secret s where s.key_id > u.key_id and
    --: secret_may_be_live(s)
    order by s.key_id limit 1)
  from used u where u.key_id is not null
)
select
  (select string_agg(u.key_id, ', ' order by u.key_id) from used u
    where u.key_id <> all ($1::text[]) and (
      -- of all that it has, the one that ends last, or never
      select
        --: secret_is_live(s)
      from m2m.client_secret s where s.key_id = u.key_id and
        --: secret_may_be_live(s)
      order by s.expires_at desc limit 1)),
  (select string_agg(distinct k.seal_key_id, ', ') from m2m.signing_key k where k.state <> 'revoked' and k.seal_key_id <> all ($1::text[])),
  (select string_agg(k.key_id, ', ' order by k.key_id) from unnest($1::text[], $2::bytea[]) r(key_id, check_value)
    join m2m.key_check k on k.key_id = r.key_id where k.check_value <> r.check_value),
  exists (select from m2m.key_check k where k.key_id = ($1::text[])[1])
