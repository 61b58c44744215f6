-- An IPv4 client of a listener on [::] was recorded as ::ffff:192.0.2.7. Gateways now record 192.0.2.7; what was recorded
-- before stays as it is, since it is sealed, and is shown and found as the IPv4 address that it is.

set local role m2m_owner;

-- Not strict: only so is it a part of the query that calls it.
create function m2m.unmapped(address inet) returns inet language sql immutable parallel safe
begin atomic
	select case when family(address) = 6 and address <<= inet '::ffff:0.0.0.0/96'
		then set_masklen(inet '0.0.0.0' + (address - inet '::ffff:0.0.0.0'), masklen(address) - 96) else address end;
end;

-- An address or a network in each form that it may have been recorded in, for `remote_addr <<= any(...)`: the conditions
-- are of the rows' own column, so that an index, or another server, can answer them.
create function m2m.address_forms(network inet) returns inet[] language sql immutable parallel safe
begin atomic
	select case when family(network) = 4
		then array[network, set_masklen(inet '::ffff:0.0.0.0' + (network - inet '0.0.0.0'), masklen(network) + 96)]
		else array[network, m2m.unmapped(network)] end;
end;
revoke all on function m2m.unmapped(inet), m2m.address_forms(inet) from public;
grant execute on function m2m.unmapped(inet), m2m.address_forms(inet) to m2m_auditor, m2m_organization_auditor;

-- As before, but for the addresses.
create or replace view m2m.tokens_issued with (security_invoker = true) as
	select t.issued_at, t.expires_at, t.jti, o.slug as organization, t.organization_id, t.client_id, t.secret_version, t.kid, t.caller,
	       t.scope, t.audience, case t.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end as transport,
	       m2m.unmapped(t.remote_addr) as remote_addr, t.user_agent, t.request_id, t.batch_id, t.traceparent
	from m2m.token_audit t left join m2m.organization o using (organization_id);

create or replace view m2m.secrets_read with (security_invoker = true) as
	select at, actor, outcome, organization_id, client_id, secret_version, m2m.unmapped(remote_addr) as remote_addr, user_agent, request_id
	from m2m.admin_audit where action = 'read_secret';

create or replace view m2m.secrets_used_after_rotation with (security_invoker = true) as
	select s.client_id, s.version as secret_version, s.hint, s.ended_at, s.expires_at, u.tokens, u.first_issued_at, u.last_issued_at, u.addresses
	from m2m.client_secret s
	cross join lateral (select count(*) as tokens, min(t.issued_at) as first_issued_at, max(t.issued_at) as last_issued_at,
	                           array_agg(distinct m2m.unmapped(t.remote_addr)) as addresses
	                    from m2m.token_audit t
	                    where t.client_id = s.client_id and t.secret_version = s.version and t.issued_at > s.ended_at) u
	where s.ended_at is not null and u.tokens > 0;

create or replace view m2m.secrets_read_or_rotated with (security_invoker = true) as
	select a.at, a.action, a.outcome, a.actor, o.slug as organization, a.organization_id, a.client_id, a.secret_version,
	       case a.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end as transport,
	       m2m.unmapped(a.remote_addr) as remote_addr, a.user_agent, a.request_id, a.detail
	from m2m.admin_audit a left join m2m.organization o using (organization_id)
	where a.action in ('read_secret', 'rotate_secret');

create or replace function m2m.organization_tokens(organization uuid, client text, token uuid, version int, network inet, since timestamptz,
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
	networks inet[] := m2m.address_forms(network);
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
			       host(m2m.unmapped(t.remote_addr)), t.user_agent, t.request_id
			from m2m.token_audit t
			where t.issued_at >= low and t.issued_at < high and t.organization_id = organization
			  and (t.client_id = any(clients) or t.client_id is null) and (client is null or t.client_id = client)
			  and (token is null or t.jti = token) and (version is null or t.secret_version = version)
			  and (network is null or t.remote_addr <<= any(networks))
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
