-- $1 kid, $2 alg, $3 public JWK, $4 wrapped key, $5 master key's id, $6 seconds from now until it
-- signs, or null: not before somebody says so.
insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from)
values ($1::text, $2::text, case when $6::int8 = 0 then 'active' else 'next' end, $3::text, $4::bytea, $5::text,
        coalesce(statement_timestamp() + make_interval(secs => $6::int8), 'infinity'))
