-- 0025 made others in their place. A transaction of its own, since this locks readers out: tried for
-- 50 ms at a time, so that no token waits behind a long one.
set local role m2m_owner;

do $$
declare
	patience text := current_setting('lock_timeout');
begin
	perform set_config('lock_timeout', '50ms', true);
	for try in 1 .. 300 loop
		begin
			drop index m2m.client_secret_live_by_id, m2m.client_secret_by_key_and_end;
			perform set_config('lock_timeout', patience, true);
			return;
		exception when lock_not_available then
			perform pg_sleep(0.2);
		end;
	end loop;
	raise exception 'somebody was always at the secrets; try again later' using errcode = 'lock_not_available';
end
$$;
