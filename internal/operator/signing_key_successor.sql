-- Which key signs in the place of key $1, the best first: published for $2 seconds; then a prepared
-- one before one that has signed already; then the youngest. A key that has retired by itself may
-- come back while it is published.
select kid, created_at <= statement_timestamp() - make_interval(secs => $2::int8)
from m2m.signing_keys
where kid <> $1::text
  and kid in (select kid from m2m.signing_key where state in ('next', 'active'))
  and coalesce(published_until, 'infinity') > statement_timestamp()
order by 2 desc, state = 'next' desc, created_at desc
limit 1
