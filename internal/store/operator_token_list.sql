-- The tokens of all organizations, or of one, for an operator.
-- $1 and $2 what it comes with (console_put_proof), $3 the organization's slug or null, $4 its id
-- or null, $5 whether one is named bool, $6 client_id text, $7 jti uuid, $8 secret_version int, $9
-- remote_addr text, $10 since, $11 until, $12 below this time and $13 jti; each or null. $14 rows
-- int, $15 auth_method text and $16 credential text, each or null.
-- Answers (outcome, what m2m.operator_token_list answers, slug, name) for each row, or once, with
-- nulls, when there is none.
select case when $5::bool and o.organization_id is null then 'organization_not_found' else 'granted' end, t.*, own.slug, own.name
from (select) one left join m2m.organization o on $5::bool and
  --: is_org(o, $3, $4)
left join lateral m2m.operator_token_list($1::bytea, $2::uuid, o.organization_id, $6::text, $7::uuid, $8::int4, $9::text::inet,
  $10::timestamptz, $11::timestamptz, $12::timestamptz, $13::uuid, $14::int4, $15::text, $16::text) t
  on not $5::bool or o.organization_id is not null
left join lateral (select * from m2m.organization x where x.organization_id = t.organization_id limit 1) own on true
