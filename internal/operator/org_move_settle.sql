-- Of each version that ends once it is unused: its last token here, which the target's record
-- lacks; and none is looked at here, one that a rotation made just before the freeze neither. $1
-- organization_id. Where there are more rows than are looked at it counts as used now.
update m2m.secret_unused_look l set look_at = 'infinity', used_at = greatest(l.used_at, t.last_at, case when not t.complete then clock_timestamp() end)
from m2m.client c join m2m.client_secret s on s.client_id = c.client_id
cross join lateral (select x.used_at from m2m.secret_unused_look x where x.client_id = s.client_id and x.version = s.version) seen
cross join lateral m2m.secret_last_token(s.client_id, s.version, coalesce(seen.used_at, greatest(s.created_at, s.ended_at)), 100000) t
where c.organization_id = $1::uuid and l.client_id = s.client_id and l.version = s.version and s.unused_for is not null
