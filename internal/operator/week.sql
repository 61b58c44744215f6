-- When the week of partition $1 begins and ends, and whether it is counted.
select w.week_begin,
       w.week_begin + interval '7 days',
       w.week_begin + interval '7 days' <= (select until from m2m.token_usage_until)
from pg_inherits i
join pg_class c on c.oid = i.inhrelid,
     lateral (select right(c.relname, 8)::date::timestamp at time zone 'UTC' as week_begin) w
where i.inhparent = 'm2m.token_audit'::regclass
  and c.relname = $1::text
  and c.relname ~ '^token_audit_p[0-9]{8}$'
