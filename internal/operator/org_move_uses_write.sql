-- The same at the target. $1 the array.
insert into m2m.credential_use_before as b
select r.* from jsonb_populate_recordset(null::m2m.credential_use_before, $1::text::jsonb) r
join m2m.client c on c.client_id = r.client_id
on conflict (client_id, kind, credential_id) do update set last_used_at = excluded.last_used_at, remote_addr = excluded.remote_addr,
  user_agent = excluded.user_agent
