-- Replaces the version of a client's secret that was read, and records it.
-- $1..$10 as the parts caller and origin_values have them, $11 client_id text, $12 version that was
-- read int, $13 key_id text, $14 salt bytea, $15 verifier bytea, $16 hint text, $17 grace_seconds
-- int, $18 idempotency_key text or null, $19 request_hash bytea, $20 bearer_hash bytea or null, $21
-- revoke_tokens bool, $22 to $28 as caller's last, the new version's end: $29 seconds int or null,
-- $30 time timestamptz or null, $31 unused_for int: the version that is replaced ends once it has
-- issued no token for so many seconds, and after $17 at the latest; null: after $17.
-- Answers (outcome, rotated_at, previous_secret_expires_at, expires_at); outcome `conflict`: the
-- version moved on, read again; `invalid_token`, `network_not_allowed`, `forbidden`: the bearer's
-- rights ended meanwhile. previous_secret_expires_at is -infinity without grace, and the version's
-- own end where that comes first. Versions that an earlier rotation left a grace never gain by this
-- one.
--
-- What has ended by itself keeps its end and is marked as over, so that no look-up for a live
-- version meets it again. At most eight versions stay in a grace: of more the oldest end now, as
-- without grace, and the record names them.
--
-- A compare-and-set: of two rotations that read the same version, the second waits for the first
-- one's row lock and then finds no row. The time is taken after that lock was got
-- (clock_timestamp), so a grace is never shortened by the wait and never ends a version before it
-- began. The statement's snapshot is younger than the commit of the version that was read, so it
-- sees every earlier version's row. The organization's row is locked first: a longest age that is
-- set at the same time holds for the new version, or bounds it (m2m.bound_secrets).
--: caller($22, $23, $24, $25, $26, $27, $28, limit 1 for share)
, organization as materialized (
  select o.secret_max_age from m2m.organization o
  where o.organization_id = (select caller.organization_id from caller where caller.live and caller.near and caller.admin)
    and o.moving is null for share
)
, advanced as (
  update m2m.client c set secret_version = c.secret_version + 1 from caller, organization
  where c.client_id = $11::text and c.secret_version = $12::int4 and c.disabled_at is null
    and c.organization_id = caller.organization_id and caller.live and caller.near and caller.admin
  returning c.client_id, c.organization_id, c.secret_version as version, c.token_lifetime, c.tokens_until, organization.secret_max_age
)
, moment as materialized (select *, clock_timestamp() as at from advanced)
, present as materialized (
  -- as they are once nobody else changes them: an end may just have been put off, or have come
  select s.version, m.at, coalesce(s.expires_at <= m.at, false) as gone
  from moment m join m2m.client_secret s on s.client_id = m.client_id and
--: secret_may_be_live(s)
  for no key update of s
)
, judged as (
  select p.*, $17::int4 > 0 and not gone and row_number() over (partition by gone order by version desc) <= 8 as stays from present p
)
, ended as (
  update m2m.client_secret s set ended_at = coalesce(s.ended_at, j.at),
    expires_at = case when j.gone then s.expires_at
      when j.stays then least(s.expires_at, j.at + make_interval(secs => $17::int4)) else '-infinity' end,
    over = not j.stays, unused_for = case when s.version = $12::int4 then $31::int4 else s.unused_for end
  -- by the parameter: of a join PostgreSQL may read the whole index
  from judged j where s.client_id = $11::text and s.version = j.version and
--: secret_may_be_live(s)
  returning s.version, s.expires_at, s.over, j.gone
)
, looked_at as (
  insert into m2m.secret_unused_look (client_id, version, look_at)
  select m.client_id, $12::int4, m.at + make_interval(secs => $31::int4) from moment m where $31::int4 is not null
  on conflict (client_id, version) do update set look_at = excluded.look_at, used_at = null -- a failover may have lost the version
)
, tokens_ended as (
--: end_tokens_begin
  select m.organization_id, m.client_id, s.version, case when e.over is not false then 'infinity' else
--: tokens_not_before(m.at)
    end,
--: last_token_expires(m, m.at)
    , m.at
  -- besides what ends now: what has ended, as long as a token of it may be good
  from moment m join m2m.client_secret s on s.client_id = $11::text and (s.expires_at > m.at - interval '31 days' or
--: secret_may_be_live(s)
    )
  left join ended e on e.version = s.version
  where $21::bool
--: end_tokens_end
)
, made as (
  -- `ended` is read to its end first: one version has no end
  insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_by, created_at, expires_at)
  select m.client_id, m.version, $13::text, $14::bytea, $15::bytea, $16::text, $5::text, m.at,
--: secret_end(m.at, $29, $30, m.secret_max_age)
  from moment m, (select count(*) from ended) e
  returning version, expires_at
)
, answer as (
  select m.*, made.expires_at,
    coalesce((select e.expires_at from ended e where e.version = $12::int4), '-infinity') as previous_secret_expires_at
  from moment m, made
)
, remembered as (
  insert into m2m.idempotency
  select organization_id, $18::text, $19::bytea, coalesce($20::bytea, ''), client_id, version, at, previous_secret_expires_at, expires_at
  from answer where $18::text is not null
  on conflict (organization_id, idempotency_key) do update set request_hash = excluded.request_hash,
    bearer_hash = excluded.bearer_hash, client_id = excluded.client_id, secret_version = excluded.secret_version,
    rotated_at = excluded.rotated_at, previous_secret_expires_at = excluded.previous_secret_expires_at,
    secret_expires_at = excluded.secret_expires_at
)
, recorded as (
  insert into m2m.admin_audit (at, action, outcome, organization_id, client_id, secret_version, detail,
--: origin_columns
    )
  select at, 'rotate_secret', 'granted', organization_id, client_id, version,
    jsonb_build_object('grace_seconds', $17::int4) || case when $21::bool then jsonb_build_object('revoke_tokens', true) else '{}' end
      || case when expires_at is null then '{}' else jsonb_build_object('expires_at', expires_at) end
      || case when $31::int4 is null then '{}' else jsonb_build_object('unused_for', $31::int4) end
      || case when $17::int4 = 0 then '{}' else (select jsonb_strip_nulls(jsonb_build_object('ended_versions',
        jsonb_agg(e.version order by e.version))) from ended e where e.over and not e.gone) end,
--: origin_values
  from answer
)
select case
--: caller_refused
    when not caller.admin then 'forbidden'
    when answer.version is null then 'conflict' else 'granted' end, answer.at, answer.previous_secret_expires_at, answer.expires_at
from (select) one left join caller on true left join answer on true
