-- How many tokens the organization was given, for an admin of it.
-- $1 to $4 as the part caller has them, $5 by what text, $6 client_id text or null, $7 since, $8
-- until, $9 the time zone's name text, $10 milliseconds that it may take int, $11 to $17 as
-- caller's last.
-- Answers (outcome, and what m2m.organization_token_sums answers) for each, or once, with nulls,
-- when it took too long. Outcome `invalid_request`: there is no such time zone.
--: caller($11, $12, $13, $14, $15, $16, $17, limit 1)
, verdict as (
  select case
      --: caller_refused
      when not caller.admin then 'forbidden'
      when not m2m.is_time_zone($9::text) then 'invalid_request' else 'granted' end as outcome, caller.organization_id
  from (select) one left join caller on true
)
select v.outcome, t.* from verdict v
left join lateral m2m.organization_token_sums(case when v.outcome = 'granted' then v.organization_id end, $5::text, $6::text,
  $7::timestamptz, $8::timestamptz, $9::text, make_interval(secs => $10::int4 / 1000.0)) t on true
