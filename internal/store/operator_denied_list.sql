-- Denied attempts, for an operator.
-- $1 and $2 what it comes with (console_put_proof), $3 the organization's slug or null, $4 its id
-- or null, $5 whether one is named bool, $6 client_id text, $7 reason text, $8 remote_addr text, $9
-- since, $10 until, $11 below this minute, $12 batch uuid and $13 rows of it int; each or null. $14
-- rows int.
-- Answers (outcome, what m2m.operator_denied_list answers, slug, name) for each row, or once, with
-- nulls, when there is none.
select case when $5::bool and o.organization_id is null then 'organization_not_found' else 'granted' end, t.*, own.slug, own.name
from (select) one left join m2m.organization o on $5::bool and
  --: is_org(o, $3, $4)
left join lateral m2m.operator_denied_list($1::bytea, $2::uuid, o.organization_id, $6::text, $7::text, $8::text::inet,
  $9::timestamptz, $10::timestamptz, $11::timestamptz, $12::uuid, $13::int4, $14::int4) t
  on not $5::bool or o.organization_id is not null
left join lateral (select * from m2m.organization x where x.organization_id = t.organization_id limit 1) own on true
