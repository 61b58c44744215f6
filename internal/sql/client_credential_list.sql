-- A client's credentials that weren't removed, and its live secrets unless one credential is asked
-- for, the oldest first.
-- $1 slug or null, $2 id or null, $3 client_id, $4 kind or null: any, $5 credential_id or null:
-- all.
-- Answers (outcome, client_credential_columns, its last use, and a secret's hint and
-- who made it); a row of nulls
-- when there is none. Outcome `organization_not_found`, `client_not_found`, `credential_not_found`.
--
-- What tells when they were last used is asked for once: with an argument of each row PostgreSQL
-- would call it for each, and a call may take a tenth of a second.
with named as materialized (
  select c.client_id from
    --: client_named($1, $2, $3)
)
select case
    --: client_named_cases
    when k.client_id is null and $5::text is not null then 'credential_not_found' else 'granted' end,
  --: client_credential_columns(k, o)
  , u.last_used_at, u.remote_addr, u.user_agent, u.unknown_until, k.hint, k.created_by
from
  --: client_named($1, $2, $3)
left join lateral (
  select k.client_id, k.credential_id, k.name, k.public_jwk, k.created_at, k.expires_at, k.kind, k.issuer, k.subject, k.audience,
    k.claims, k.may_replay, null::text as hint, null::text as created_by
  from m2m.client_credential k
  where k.client_id = c.client_id and k.ended_at is null and k.credential_id = coalesce($5::text, k.credential_id)
  union all
  select s.client_id, s.version::text, '', null, s.created_at, s.expires_at, 'secret', null, null, null, null, null, s.hint, s.created_by
  from m2m.client_secret s
  where s.client_id = c.client_id and
    --: secret_may_be_live(s)
    and
    --: secret_is_live(s)
    and $5::text is null
) k on k.kind = coalesce($4::text, k.kind)
left join m2m.credentials_last_used((select client_id from named)) u on u.kind = k.kind and u.credential_id = k.credential_id
order by k.created_at, k.credential_id
