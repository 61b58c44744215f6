-- How many current secrets end within a day, a week and 30 days, each at most STORE_ENDING_MAX: so
-- many entries of the index are read, whatever there is. The later ends are left out first.
select count(*) filter (where e.expires_at <= statement_timestamp() + interval '1 day'),
  count(*) filter (where e.expires_at <= statement_timestamp() + interval '7 days'), count(*)
from (select s.expires_at from m2m.client_secret s where
  --: secret_may_end(s)
  and s.expires_at > statement_timestamp() and s.expires_at <= statement_timestamp() + interval '30 days'
  order by s.expires_at limit 10000) e
