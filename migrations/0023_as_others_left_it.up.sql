set local role m2m_owner;

-- client_secret_by_key_and_end (0022) answers whatever this one did. Where somebody reads the secrets
-- for long just now it stays, since tokens would have to wait with us.
do $$
declare
	before text := current_setting('lock_timeout');
begin
	set local lock_timeout = '200ms';
	drop index m2m.client_secret_by_key;
	perform set_config('lock_timeout', before, true);
exception when lock_not_available then
	raise warning 'the index client_secret_by_key stays, since somebody reads the secrets: drop index concurrently m2m.client_secret_by_key'
		' when nobody does';
end
$$;

-- A statement that waited for a row sees that as it is then, and the rest as it was when the
-- statement began. These see what has committed when they run, which is once the row is locked.

-- A version of a client's secret, as it is shown.
create function m2m.secret_now(client text, secret_version int)
returns table (hint text, created_at timestamptz, expires_at timestamptz, created_by text)
language sql volatile strict rows 1 set search_path = pg_catalog, pg_temp as $$
	select s.hint, s.created_at, s.expires_at, s.created_by from m2m.client_secret s
	where s.client_id = secret_now.client collate "C" and s.version = secret_now.secret_version
$$;
-- An organization's default client; null: none.
create function m2m.default_client_now(organization uuid) returns text
language sql volatile strict set search_path = pg_catalog, pg_temp as $$
	select c.client_id from m2m.client c where c.organization_id = default_client_now.organization and c.is_default and c.deleted_at is null
$$;
revoke all on function m2m.secret_now(text, int), m2m.default_client_now(uuid) from public;
grant execute on function m2m.secret_now(text, int), m2m.default_client_now(uuid) to m2m_gateway;
