-- The published signing keys, which of them signs now, what time it is for the database, and
-- whether clients were brought along from another product.
select k.kid, k.alg, k.public_jwk, k.sealed, k.seal_key_id, v.current, v.state, k.active_from, clock_timestamp(),
  exists (select from m2m.client_import)
from m2m.signing_key k
join m2m.signing_keys v on v.kid = k.kid
where v.state <> 'revoked'
  and coalesce(v.published_until, 'infinity') > statement_timestamp()
order by k.kid
