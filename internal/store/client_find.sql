-- One client of an organization. $1 slug or null, $2 id or null, $3 client_id.
-- Answers (outcome, client_columns, its entity-tag). Outcome `organization_not_found`,
-- `client_not_found`.
select case
    --: client_named_cases
    else 'granted' end,
  --: client_columns(o, c, s)
  ,
  --: client_tag(o, c, s)
  as tag
from
  --: client_named($1, $2, $3)
  --: current_secret
