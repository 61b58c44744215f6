-- What client_import.sql would answer for a batch, $1, of clients that are brought along. Writes
-- nothing. Answers (line, outcome, new_organization): to it, an organization that isn't there would
-- be made.
with line as materialized (
  select * from jsonb_to_recordset($1::jsonb) as x(line int, client_id text, organization text, organization_id uuid)
)
, known as (
  select l.*, o.organization_id as org_id, c.organization_id as taken_by, c.deleted_at,
    row_number() over same_id as nth, first_value(l.organization) over same_id as first_organization
  from line l left join m2m.organization o on o.slug = l.organization and o.deleted_at is null
  left join m2m.client c on c.client_id = l.client_id
  window same_id as (partition by l.client_id order by l.line)
)
select k.line, case
    when k.deleted_at is not null then 'deleted'
    when k.taken_by is distinct from k.org_id and k.taken_by is not null then 'taken'
    when k.organization_id <> k.org_id then 'other_organization'
    when k.taken_by is not null then 'present'
    when k.nth > 1 then case when k.first_organization = k.organization then 'present' else 'taken' end
    else 'made' end, k.org_id is null
from known k order by k.line
