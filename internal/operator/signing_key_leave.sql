-- Key $1 is retired, or with $2 revoked.
update m2m.signing_key
set state = case when $2::bool then 'revoked' else 'retired' end,
    retired_at = coalesce(retired_at, statement_timestamp()),
    revoked_at = case when $2::bool then statement_timestamp() end
where kid = $1::text
