-- Introspection (RFC 7662) by a bearer. An admin is told of its own organization's tokens.
-- $1 to $4 the bearer as the part caller has it, $5 to $12 the token as the part
-- token_of_parameters has it, $13 to $19 as caller's last, $20 whether the bearer is the
-- platform's, bool.
-- Answers (outcome, organization_id of the caller, active, 1). Outcome `stale_key`: the gateway
-- shall read the keys again.
--: caller($13, $14, $15, $16, $17, $18, $19, limit 1)
select coalesce(case
    --: bearer_cases_unless($20)
    end, case
    --: stale_key_case
    else 'granted' end),
  caller.organization_id, ($20::bool or t.organization_id is not distinct from caller.organization_id) and
  --: token_is_active
  , 1::int8
from
--: token_of_parameters
left join caller on true
--: token_lookups
