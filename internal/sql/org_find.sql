-- One organization. $1 slug or null, $2 id or null.
-- Answers (outcome, org_columns, its entity-tag), or nothing.
select 'granted',
  --: org_columns(o, c)
  ,
  --: org_tag(o, c)
  as tag
from m2m.organization o
  --: default_client(o)
where
  --: is_org(o, $1, $2)
