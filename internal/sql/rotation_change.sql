-- Ends replaced secrets that are still in their grace now, or puts the end of one off, and records
-- it: a row for each version, or the refusal.
-- $1..$10 as the parts caller and origin_values have them, $11 client_id text (null: the
-- organization's default client), $12 version int (null: to end, all; to put off, the newest), $13
-- seconds from now to the later end, int (null: end it now), $14 to $20 as caller's last.
-- Answers (outcome, client_id, organization_id). Outcome `conflict`: no such version is in its
-- grace; `invalid_request`: the end wouldn't be a later one, or past what a secret may have, which
-- is 90 days after it was replaced, and its organization's longest age.
--
-- The organization's row is locked first, as a rotation locks it: a longest age that is set at the
-- same time bounds the secret afterwards (m2m.bound_secrets), or is what holds here.
--: caller($14, $15, $16, $17, $18, $19, $20, limit 1 for share)
, organization as materialized (
  select o.organization_id, o.secret_max_age from m2m.organization o
  where o.organization_id = (select caller.organization_id from caller where caller.live and caller.near and caller.admin)
  for share
)
, target as (
  select case
--: caller_refused
      when not caller.admin then 'forbidden'
      when t.client_id is null then 'client_not_found' else 'granted' end as outcome,
    t.client_id, caller.organization_id, o.secret_max_age
  from (select) one left join caller on true
--: target_client
  left join organization o on true
)
, client as materialized (
  -- before its secrets, as a rotation locks it: else the two could wait for each other
  select c.client_id, c.secret_version, t.secret_max_age from target t join m2m.client c on c.client_id = t.client_id
  where t.outcome = 'granted' for no key update of c
)
, chosen as (
  select s.client_id, s.version, s.expires_at,
    least(s.ended_at + interval '90 days', s.created_at + make_interval(secs => c.secret_max_age)) as latest
  from client c join m2m.client_secret s on s.client_id = c.client_id
  where s.version <> c.secret_version and s.ended_at is not null and s.expires_at > clock_timestamp() and
    --: secret_may_be_live(s)
    and ($12::int4 is null or s.version = $12::int4)
  order by s.version desc limit case when $13::int4 is null then null else 1 end for no key update of s
)
, moment as materialized (
  select c.*, at, coalesce(at + make_interval(secs => $13::int4), at) as until
  from chosen c cross join lateral (select clock_timestamp() + make_interval(secs => 0 * c.version) as at) t
)
, verdict as (
  select t.client_id, t.organization_id, case
      when t.outcome <> 'granted' then t.outcome
      when not exists (select from moment) then 'conflict'
      when $13::int4 is not null and exists (select from moment m where m.until <= m.expires_at or m.until > m.latest) then 'invalid_request'
      else 'granted' end as outcome
  from target t
)
, changed as (
  update m2m.client_secret s set expires_at = m.until, over = $13::int4 is null from moment m, verdict v
  where v.outcome = 'granted' and s.client_id = m.client_id and s.version = m.version
  returning s.version, m.at, m.expires_at as before, m.until
)
, recorded as (
  insert into m2m.admin_audit (at, action, outcome, organization_id, client_id, secret_version, detail,
--: origin_columns
    )
  select coalesce(c.at, clock_timestamp()), case when $13::int4 is null then 'cancel_grace' else 'prolong_grace' end, v.outcome,
    v.organization_id, v.client_id, coalesce(c.version, $12::int4),
    case when c.version is not null then jsonb_build_object('expires_at', c.until, 'before', c.before) end,
--: origin_values
  from verdict v left join changed c on true where v.outcome <> 'invalid_token'
)
select outcome, client_id, organization_id from verdict
