-- Introspection (RFC 7662) of many tokens at once, by clients that show secrets, as most do. Few
-- APIs ask about many tokens: each caller is looked up once, however many questions it has.
--! introspect_by_secrets: secrets
--
-- Arrays of one length: $1 client_id text[], $2 verifiers bytea[] and $3 remote_addr text[] of each
-- caller. Of one length too: $4 kid text[], $5 verified bool[], $6 jti uuid[], $7 client_id text[],
-- $8 version int4[], $9 organization_id uuid[], $10 iat int8[], $11 exp int8[] of each token, and
-- $13 asked_by int4[], the place of its caller, from 1. $12 ring text[].
-- Answers (outcome, organization_id of the caller, active, ord) for each token, in any order; ord
-- is its place, from 1. Outcome `stale_key`: the gateway shall read the keys again.
with verdicts as materialized (
  -- One row of arrays: a row for each caller would be looked for anew at each token, since the
  -- gateway's sessions don't join by hash.
  select array_agg(verdict.outcome order by verdict.ord) as outcomes, array_agg(verdict.organization_id order by verdict.ord) as organizations
  from (
    select asked.ord, c.organization_id, case
        --: client_cases($12, false)
        --: resource_server_case
        else 'granted' end as outcome
    from (
      -- unnested in the select list, as in issue.sql
      select unnest($1::text[]) as client_id, unnest($2::bytea[]) as verifiers, unnest($3::text[]) as remote_addr,
        generate_series(1::int8, cardinality($1::text[])) as ord
    ) asked
    --: client_lookups($12)
  ) verdict
)
, shown as (
  select unnest($13::int4[]) as asked_by, unnest($4::text[]) as kid, unnest($5::bool[]) as verified, unnest($6::uuid[]) as jti,
    unnest($7::text[]) as client_id, unnest($8::int4[]) as version, unnest($9::uuid[]) as organization_id,
    unnest($10::int8[]) as iat, unnest($11::int8[]) as exp, generate_series(1::int8, cardinality($4::text[])) as ord
)
-- A place without a caller has the outcome null, which the gateway takes for a fault.
select case when (verdicts.outcomes[t.asked_by] = 'granted') is not true then verdicts.outcomes[t.asked_by]
    --: stale_key_case
    else 'granted' end,
  verdicts.organizations[t.asked_by],
  --: token_is_active
  , t.ord
from verdicts cross join shown t
--: token_lookups
