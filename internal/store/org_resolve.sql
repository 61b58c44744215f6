-- The organization that an outside issuer's token names.
-- $1 issuer text, $2 external id text, $3 the same as uuid, or null. An id opens only what no other
-- issuer has a claim to.
select 'granted',
  --: org_columns(o, c)
from m2m.organization o
  --: default_client(o)
where o.deleted_at is null and (o.issuer = $1::text and o.external_id = $2::text
  or o.organization_id = $3::uuid and o.issuer in ('', $1::text))
order by o.external_id is not distinct from $2::text desc limit 1
