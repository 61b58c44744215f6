-- The gateway may not read the audit. These functions answer it what it has to know: one organization's tokens for its admin, and whether partitions are as they should be.

set local role m2m_owner;

-- The youngest first, a page at a time, for GET /m2m/audit/tokens; the gateway gives the organization of the caller's token. Rows up to page + 1, youngest first, those below (before_at, before_jti) when
-- given. It goes back in spans of time that double, since there is no index by organization and time, and stops after a while: a last row with nothing but its time then
-- says how far it has come.
create function m2m.organization_tokens(organization uuid, client text, token uuid, version int, network inet, since timestamptz,
                                        until timestamptz, before_at timestamptz, before_jti uuid, page int)
returns table (issued_at timestamptz, expires_at timestamptz, jti uuid, client_id text, secret_version int, kid text, caller text, scope text,
               audience text, transport "char", remote_addr text, user_agent text, request_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set plan_cache_mode = force_custom_plan -- with the times known, planning leaves out all partitions but those of the span
as $$
declare
	begun timestamptz := clock_timestamp();
	made_at timestamptz := m2m.jti_time(token);
	-- by their names, since asking for bounds waits for whoever holds one of them
	oldest timestamptz := (select min(to_timestamp(substring(c.relname from '[0-9]{8}$'), 'YYYYMMDD')) from pg_inherits i
	                       join pg_class c on c.oid = i.inhrelid where i.inhparent = 'm2m.token_audit'::regclass);
	clients text[] := array(select c.client_id from m2m.client c where c.organization_id = organization
	                        and (client is null or c.client_id = client));
	bottom timestamptz := greatest(since, made_at - interval '1 day');
	high timestamptz := least(until, made_at + interval '1 day', before_at + interval '1 microsecond', begun + interval '1 minute');
	span interval := interval '1 second';
	low timestamptz;
	found_rows int := 0;
	n int;
begin
	if organization is null or page not between 1 and 1000 then
		return;
	end if;
	while found_rows <= page and (bottom is null or high > bottom) and high > '-infinity' loop
		low := greatest(high - span, bottom);
		if low <= oldest then
			low := coalesce(bottom, '-infinity'); -- rows that no week took
		end if;
		return query
			select t.issued_at, t.expires_at, t.jti, t.client_id, t.secret_version, t.kid, t.caller, t.scope, t.audience, t.transport,
			       host(t.remote_addr), t.user_agent, t.request_id
			from m2m.token_audit t
			where t.issued_at >= low and t.issued_at < high and t.organization_id = organization
			  and (t.client_id = any(clients) or t.client_id is null) and (client is null or t.client_id = client)
			  and (token is null or t.jti = token) and (version is null or t.secret_version = version)
			  and (network is null or t.remote_addr <<= network)
			  and (before_at is null or (t.issued_at, t.jti) < (before_at, before_jti))
			order by t.issued_at desc, t.jti desc limit page + 1 - found_rows;
		get diagnostics n = row_count;
		found_rows := found_rows + n;
		high := low;
		span := span * 2;
		if found_rows <= page and high > coalesce(bottom, '-infinity') and clock_timestamp() > begun + interval '100 milliseconds' then
			issued_at := high;
			expires_at := null;
			jti := null;
			return next;
			return;
		end if;
	end loop;
end
$$;
revoke all on function m2m.organization_tokens(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int) from public;
grant execute on function m2m.organization_tokens(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int) to m2m_gateway;

-- For the metrics: rows in a default partition are there because their week had none; and when the weeks that are made end.
create function m2m.audit_health(out default_used boolean, out partitions_until timestamptz)
language sql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
	select exists (select from m2m.token_audit_default) or exists (select from m2m.audit_seal_default),
	       (select max(to_timestamp(substring(c.relname from '[0-9]{8}$'), 'YYYYMMDD')) + interval '7 days' from pg_inherits i
	        join pg_class c on c.oid = i.inhrelid where i.inhparent = 'm2m.token_audit'::regclass)
$$;
revoke all on function m2m.audit_health() from public;
grant execute on function m2m.audit_health() to m2m_gateway;
