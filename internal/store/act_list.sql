-- What was done to an organization and its clients, for an admin of it; or to all organizations,
-- for the platform.
-- $1 to $4 as the part caller has them, $5 whether it is the platform bool, $6 slug or null, $7 id
-- or null: of the platform's, the one organization; $8 client_id text, $9 action text, $10 actor
-- text, $11 outcome text, $12 since, $13 until, $14 below this time and $15 act_id; each or null.
-- $16 rows int, $17 to $23 as caller's last.
-- Answers (outcome, and what m2m.acts answers) for each row, or once, with nulls, when there is
-- none. Outcome `organization_not_found`.
--: caller($17, $18, $19, $20, $21, $22, $23, limit 1)
, verdict as (
  select case
      when $5::bool then case when num_nonnulls($6::text, $7::uuid) > 0 and o.organization_id is null then 'organization_not_found'
        else 'granted' end
      --: caller_refused
      when not caller.admin then 'forbidden' else 'granted' end as outcome,
    case when $5::bool then o.organization_id else caller.organization_id end as organization_id
  from (select) one left join caller on true
  left join m2m.organization o on $5::bool and (o.slug = $6::text and o.deleted_at is null or o.organization_id = $7::uuid)
)
select v.outcome, a.* from verdict v
left join lateral m2m.acts(case when v.outcome = 'granted' then v.organization_id end,
  $5::bool and v.outcome = 'granted' and v.organization_id is null, $8::text, $9::text, $10::text, $11::text, $12::timestamptz,
  $13::timestamptz, $14::timestamptz, $15::uuid, $16::int4) a on true
