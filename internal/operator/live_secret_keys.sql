-- The names of the keys that live secrets were derived from.
select distinct s.key_id from m2m.client_secret s where
  --: secret_is_live(s)
order by s.key_id
