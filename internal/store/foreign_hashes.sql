-- The hashes of a client's secrets that were brought along and weren't shown yet, of those that are
-- live: $1 client_id text. Answers (version, foreign_hash), the newest first, FOREIGN_SECRETS_MAX
-- at most.
select s.version, s.foreign_hash from m2m.client_secret s
where s.client_id = $1::text and s.foreign_hash is not null and
--: secret_may_be_live(s)
  and
--: secret_is_live(s)
order by s.version desc limit 8
