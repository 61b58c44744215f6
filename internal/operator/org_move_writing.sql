-- How many of these transactions, text[], aren't over. A transaction holds a lock on itself.
select count(*) from pg_locks l where l.locktype = 'virtualxid' and l.virtualxid = any ($1::text[])
