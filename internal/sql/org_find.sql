-- One organization. $1 slug or null, $2 id or null.
select 'granted',
  --: org_columns(o, c)
from m2m.organization o
  --: default_client(o)
where
  --: is_org(o, $1, $2)
