-- What 0024's column says of the versions that are there, and the indexes that go by it. Tokens go on
-- meanwhile; whoever writes secrets waits, from the start: who had written already would otherwise
-- wait for a row of ours, and we for its end.
set local role m2m_owner;

lock table m2m.client_secret in share row exclusive mode;
-- Those of an organization that moves stay as they are being copied, and a current version is what
-- the next rotation replaces: that marks both.
update m2m.client_secret s set over = true
from m2m.client c join m2m.organization o on o.organization_id = c.organization_id
where c.client_id = s.client_id and o.moving is null and s.ended_at is not null and s.expires_at <= clock_timestamp();

-- A token's look-up (0008), and whether a master key is still needed (0022).
create index client_secret_by_id on m2m.client_secret using hash (client_id) where not over;
create index client_secret_by_key_until on m2m.client_secret (key_id, expires_at) where not over;
