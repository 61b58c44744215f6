-- Spends what may be used once: $1 its hash (16 bytes), $2 the second since 1970 from which on it
-- is refused for its age (int8), $3 the client that shows it (text; null: none of ours), $4 whether
-- it does all that FAPI 2.0 wants (bool). One column: granted, profile_violated, proof_replayed or
-- invalid_dpop_proof. Of two that spend the same at once the second waits for the first one's
-- commit.
with asked as (
	select $2::int8 > extract(epoch from statement_timestamp()) as young,
	       $4::bool or not exists (select from m2m.client c where c.client_id = $3::text and c.profile = 'fapi2') as fits
), spent as (
	insert into m2m.used_once (slot, hash, expires_at)
	select mod($2::int8 / 3600, 32)::int2, $1::bytea, to_timestamp($2::int8) from asked where young and fits
	on conflict do nothing returning hash
)
select case when not young then 'invalid_dpop_proof'
            when not fits then 'profile_violated'
            when exists (select from spent) then 'granted'
            else 'proof_replayed' end
from asked
