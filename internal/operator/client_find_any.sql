-- One client, or an organization's default one. Unlike the API, a command line may leave the
-- organization or the client out.
-- $1 client id or null, $2 organization's slug or null, $3 organization's id or null.
-- Answers (outcome, client_columns).
select 'granted',
  --: client_columns(o, c, s)
from m2m.client c join m2m.organization o on o.organization_id = c.organization_id
  --: current_secret
where c.deleted_at is null and o.deleted_at is null
  and case when $1::text is null then c.is_default else c.client_id = $1::text end
  and ($2::text is null or o.slug = $2::text) and ($3::uuid is null or o.organization_id = $3::uuid)
