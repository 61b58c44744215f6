-- The transactions that write in the schema m2m now, but this one: those that began before the
-- organization was frozen are among them, since a statement locks its tables before it looks.
-- Answers one text[].
select coalesce(array_agg(distinct l.virtualtransaction), '{}')
from pg_locks l join pg_class c on c.oid = l.relation
where l.locktype = 'relation' and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and c.relnamespace = 'm2m'::regnamespace and l.mode in ('RowShareLock', 'RowExclusiveLock') and l.pid <> pg_backend_pid()
