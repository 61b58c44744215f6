-- The token audit's partitions: name, whether it is the default one, whether it has rows, its
-- bounds, its bytes.
--
-- The catalog has a partition's bounds as text only. Its size tells whether it has rows: counting
-- would read them all. A week in the archive (deploy/citus) is itself partitioned; the bytes are
-- what is left of it here.
select c.relname::text,
       bound = 'DEFAULT',
       case when bound = 'DEFAULT' then exists (select from m2m.token_audit_default)
            else c.relkind = 'p' or pg_relation_size(c.oid) > 0 end,
       substring(bound from 'FROM \(''([^'']+)''')::timestamptz,
       substring(bound from 'TO \(''([^'']+)''')::timestamptz,
       (select sum(pg_total_relation_size(t.relid))::int8 from pg_partition_tree(c.oid) t)
from pg_inherits i
join pg_class c on c.oid = i.inhrelid,
     pg_get_expr(c.relpartbound, c.oid) bound
where i.inhparent = 'm2m.token_audit'::regclass
order by 4 nulls last, 1
