-- The tokens that were issued to an organization's clients, for an admin of it.
-- $1 to $4 as the part caller has them, $5 client_id text, $6 jti uuid, $7 secret_version int, $8
-- remote_addr text, $9 since, $10 until, $11 below this time and $12 jti; each or null. $13 rows
-- int, $14 to $20 as caller's last, $21 auth_method text and $22 credential text, each or null.
-- Answers (outcome, and what m2m.organization_token_list answers) for each row, or once, with
-- nulls, when there is none.
--: caller($14, $15, $16, $17, $18, $19, $20, limit 1)
select case
    --: caller_refused
    when not caller.admin then 'forbidden' else 'granted' end, t.*
from (select) one left join caller on true
left join lateral m2m.organization_token_list(
  case when caller.live and caller.near and caller.admin then caller.organization_id end, $5::text, $6::uuid, $7::int4, $8::text::inet,
  $9::timestamptz, $10::timestamptz, $11::timestamptz, $12::uuid, $13::int4, $21::text, $22::text) t on true
