-- The signing keys, the youngest first; $1 kid, or null for all.
select v.kid, v.alg, v.state, k.public_jwk, k.seal_key_id, v.current,
       v.created_at, v.active_from, v.retired_at, v.published_until, v.revoked_at
from m2m.signing_keys v
join m2m.signing_key k on k.kid = v.kid
where $1::text is null or v.kid = $1::text
order by v.active_from desc, v.created_at desc, v.kid desc
