-- Puts the gateway's own verifier in the place of another product's hash, and records it: the
-- secret that was hashed was shown.
-- $1 client_id text, $2 version int, $3 foreign_hash text, $4 verifier bytea, $5..$10 as the part
-- origin_values has them, $11 key_id text.
-- Answers whether it did. A compare-and-set: of two gateways that adopt the same secret at once the
-- second waits for the first one's row lock, and then finds another row. A version that has ended
-- meanwhile stays as it is.
with adopted as (
  update m2m.client_secret s set verifier = $4::bytea, key_id = $11::text, foreign_hash = null
  where s.client_id = $1::text and s.version = $2::int4 and s.foreign_hash = $3::text and
--: secret_is_live(s)
  returning s.client_id, s.version
)
, recorded as (
  insert into m2m.admin_audit (action, outcome, organization_id, client_id, secret_version,
--: origin_columns
    )
  select 'adopt_secret', 'granted', c.organization_id, a.client_id, a.version,
--: origin_values
  from adopted a join lateral (select * from m2m.client c where c.client_id = a.client_id limit 1) c on true
)
select exists (select from adopted)
