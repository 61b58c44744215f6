-- The weeks that retention drops. $1 months, $2 days, $3 uncounted weeks too.
select c.relname::text
from pg_inherits i
join pg_class c on c.oid = i.inhrelid,
     pg_get_expr(c.relpartbound, c.oid) bound,
     lateral (select substring(bound from 'TO \(''([^'']+)''')::timestamptz as week_end) w
where i.inhparent = 'm2m.token_audit'::regclass
  and c.relname ~ '^token_audit_p[0-9]{8}$'
  and week_end <= least(statement_timestamp() - interval '31 days',
                        statement_timestamp() - make_interval(months => $1::int4, days => $2::int4))
  and ($3::bool or week_end <= (select until from m2m.token_usage_until))
order by 1
