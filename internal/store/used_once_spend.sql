-- Spends what may be used once: $1 its hash (16 bytes), $2 the second since 1970 from which on it
-- is refused for its age (int8). One column: granted, proof_replayed or invalid_dpop_proof. Of two
-- that spend the same at once the second waits for the first one's commit.
with spent as (
	insert into m2m.used_once (slot, hash, expires_at)
	select mod($2::int8 / 3600, 32)::int2, $1::bytea, to_timestamp($2::int8)
	where $2::int8 > extract(epoch from statement_timestamp())
	on conflict do nothing returning hash
)
select case when $2::int8 <= extract(epoch from statement_timestamp()) then 'invalid_dpop_proof'
            when exists (select from spent) then 'granted'
            else 'proof_replayed' end
