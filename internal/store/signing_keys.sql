-- The published signing keys, which of them signs now, and what time it is for the database.
select k.kid, k.alg, k.public_jwk, k.sealed, k.seal_key_id, v.current, v.state, k.active_from, clock_timestamp()
from m2m.signing_key k
join m2m.signing_keys v on v.kid = k.kid
where v.state <> 'revoked'
  and coalesce(v.published_until, 'infinity') > statement_timestamp()
order by k.kid
