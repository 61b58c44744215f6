-- $1 days. From when on rows are checked; what the oldest week that is kept begins with; since when
-- there are seals. Rows that no week took are in the default partition, whatever their time.
with first as (
    select min(b.week) as week
    from pg_inherits i
    join pg_class c on c.oid = i.inhrelid,
         lateral (select substring(pg_get_expr(c.relpartbound, c.oid) from 'FROM \(''([^'']+)''')::timestamptz as week) b
    where i.inhparent = 'm2m.audit_seal'::regclass
)
select statement_timestamp() - make_interval(days => $1::int4),
       least((select week from first),
             (select min(t.issued_at) from m2m.token_audit t where t.issued_at < (select week from first))),
       (select since from m2m.audit_seal_since)
