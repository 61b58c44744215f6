-- Refused attempts, counted by minute, client, address and reason. $1 to $5 arrays of equal length,
-- $6 batch.
insert into m2m.denied_audit (minute, client_id, remote_addr, reason, attempts, batch_id)
select to_timestamp(minute), client_id, remote_addr::inet, reason, attempts, $6::uuid
from unnest($1::int8[], $2::text[], $3::text[], $4::text[], $5::int4[])
     as t(minute, client_id, remote_addr, reason, attempts)
