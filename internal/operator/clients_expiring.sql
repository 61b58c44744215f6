-- The clients of all organizations whose secret ends within a time or has ended, by its end: a walk
-- over the index of the current secrets that have one.
-- $1 seconds int4. Answers (outcome, client_columns).
select 'granted',
  --: client_columns(o, c, s)
from m2m.client_secret s
join m2m.client c on c.client_id = s.client_id and c.secret_version = s.version and c.deleted_at is null
join m2m.organization o on o.organization_id = c.organization_id
where
  --: secret_may_end(s)
  and s.expires_at <= statement_timestamp() + make_interval(secs => $1::int4)
order by s.expires_at, s.client_id
