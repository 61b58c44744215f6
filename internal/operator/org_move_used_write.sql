-- The same at the target. $1 an array.
insert into m2m.used_once (slot, hash, expires_at)
select (d ->> 0)::int2, (d ->> 1)::bytea, (d ->> 2)::timestamptz from jsonb_array_elements($1::text::jsonb) d
on conflict do nothing
