-- Acts as the API lists them, and who made each version of a secret.
set local role m2m_owner;

-- The actor of the act that made the version, written in that act's statement; null: not known.
alter table m2m.client_secret add column created_by text;
grant select (created_by) on m2m.client_secret to m2m_auditor;

-- Of versions that may still be live the audit knows it. Where there are very many, nobody waits for that.
update m2m.client_secret s set created_by = (
	select a.actor from m2m.admin_audit a
	where a.client_id = s.client_id and a.secret_version = s.version and a.outcome = 'granted'
	  and a.action in ('create_client', 'rotate_secret') and a.detail->'import' is null
	order by a.at desc limit 1)
where (s.expires_at is null or s.expires_at > '-infinity')
  and (select count(*) from (select from m2m.client_secret limit 100001) few) <= 100000;

-- An act's id. Rows from before have none of their own; m2m.acts makes one of what they say.
alter table m2m.admin_audit add column act_id uuid;
alter table m2m.admin_audit alter column act_id set default gen_random_uuid();
create index admin_audit_at on m2m.admin_audit (at);

-- Acts, the youngest first: of an organization, or of all (`everywhere`). What isn't given is null. With a filter that no index serves it looks at
-- 5000 rows: one row without an act_id then says how far it came, which is where the next page begins.
create function m2m.acts(organization uuid, everywhere bool, client text, what text, who text, how text, since timestamptz, until timestamptz,
                         before_at timestamptz, before_id uuid, page int)
returns table (act_id uuid, done_at timestamptz, action text, outcome text, actor text, client_id text, secret_version int, detail text,
               remote_addr text, user_agent text, request_id uuid, transport "char", organization_id uuid, slug text, organization_name text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
	rows_looked_at int := case when what is null and who is null and how is null then page + 1 else 5000 end;
begin
	if organization is null and not everywhere or page not between 1 and 1000 then
		return;
	end if;
	return query
		with seen as materialized (
			select coalesce(a.act_id, md5(a::text)::uuid) as id, a.*
			from m2m.admin_audit a
			where (organization is null or a.organization_id = organization) and (client is null or a.client_id = client)
			  and (since is null or a.at >= since) and (until is null or a.at < until) and (before_at is null or a.at <= before_at)
			  and (before_at is null or (a.at, coalesce(a.act_id, md5(a::text)::uuid)) < (before_at, coalesce(before_id, '00000000-0000-0000-0000-000000000000')))
			order by a.at desc, id desc limit rows_looked_at
		), found as (
			select * from seen s
			where (what is null or s.action = what) and (who is null or s.actor = who) and (how is null or s.outcome = how)
			order by s.at desc, s.id desc limit page + 1
		)
		(select f.id, f.at, f.action, f.outcome, f.actor, f.client_id, f.secret_version, f.detail::text, host(m2m.unmapped(f.remote_addr)),
		        f.user_agent, f.request_id, f.transport, f.organization_id, o.slug, o.name
		from found f left join m2m.organization o on o.organization_id = f.organization_id
		order by f.at desc, f.id desc)
		union all
		(select null, s.at, null, null, null, null, null, null, null, null, s.id, null, null, null, null from seen s
		where rows_looked_at = 5000 and (select count(*) from seen) = 5000 and (select count(*) from found) <= page
		order by s.at, s.id limit 1);
end
$$;
revoke all on function m2m.acts(uuid, bool, text, text, text, text, timestamptz, timestamptz, timestamptz, uuid, int) from public;
grant execute on function m2m.acts(uuid, bool, text, text, text, text, timestamptz, timestamptz, timestamptz, uuid, int) to m2m_gateway;

-- A name of the time zone database, or what PostgreSQL takes for one besides.
create function m2m.is_time_zone(zone text) returns bool language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
	perform timezone(zone, statement_timestamp());
	return true;
exception when invalid_parameter_value then
	return false;
end
$$;
revoke all on function m2m.is_time_zone(text) from public;
grant execute on function m2m.is_time_zone(text) to m2m_gateway;

-- How many tokens an organization was given in a span, of one client or of all, by `kind`: 'hour' and 'day' of the zone, each with its beginning (an hour that a
-- clock set back repeats is two), none left out; 'client', 'address', 'version': the 100 with the most, and `others` has the rest. It counts day after day,
-- and gives up after `budget`: then it answers nothing at all.
create function m2m.organization_token_sums(organization uuid, kind text, client text, since timestamptz, until timestamptz, zone text, budget interval)
returns table (begins timestamptz, name text, tokens bigint, others bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set plan_cache_mode = force_custom_plan -- with the times known, planning leaves out all partitions but those of the span
as $$
#variable_conflict use_column
declare
	begun timestamptz := clock_timestamp();
	step constant interval := '15 minutes'; -- every zone's clock is set at such times, and by so much
	epoch constant timestamptz := '1970-01-01 00:00:00Z';
	by_time bool := kind in ('hour', 'day');
	clients text[] := array(select c.client_id from m2m.client c where c.organization_id = organization
	                        and (client is null or c.client_id = client));
	low timestamptz := since;
	high timestamptz;
	names text[] := '{}';
	sums bigint[] := '{}';
begin
	if organization is null or not since < until or until > since + interval '100 days' then
		return;
	end if;
	while low < until loop
		high := least(low + interval '1 day', until);
		select array_agg(added.name), array_agg(added.tokens) into names, sums from (
			select one.name, sum(one.tokens)::bigint as tokens from (
				select unnest(names) as name, unnest(sums) as tokens
				union all
				select case kind when 'client' then t.client_id when 'address' then host(m2m.unmapped(t.remote_addr))
				            when 'version' then t.secret_version::text
				            else extract(epoch from date_bin(step, t.issued_at, epoch))::int8::text end, count(*)
				from m2m.token_audit t
				where t.issued_at >= low and t.issued_at < high and t.organization_id = organization
				  and (t.client_id = any(clients) or t.client_id is null) and (client is null or t.client_id = client)
				group by 1
			) one group by one.name
		) added;
		low := high;
		if low < until and clock_timestamp() > begun + budget then
			return;
		end if;
	end loop;
	if by_time then
		return query
			select min(s.at), null::text, coalesce(sum(c.tokens), 0)::bigint, 0::bigint
			from (
				select g.at, case kind when 'day' then date_trunc('day', g.local)
				                  else timezone('UTC', g.at) - (g.local - date_trunc('hour', g.local)) end as label
				from (
					select at, timezone(zone, at) as local
					from generate_series(date_bin(step, since, epoch) - interval '26 hours', until - interval '1 microsecond', step) at
				) g
			) s
			left join (select unnest(names) as name, unnest(sums) as tokens) c on c.name = extract(epoch from s.at)::int8::text
			group by s.label having max(s.at) >= date_bin(step, since, epoch)
			order by 1;
		return;
	end if;
	return query
		select null::timestamptz, r.name, r.tokens, coalesce(sum(r.tokens) filter (where r.place > 100) over (), 0)::bigint
		from (
			select c.name, c.tokens, row_number() over (order by c.tokens desc, c.name) as place
			from (select unnest(names) as name, unnest(sums) as tokens) c
		) r
		order by r.place limit 100;
	if not found then
		return query select null::timestamptz, null::text, null::bigint, 0::bigint;
	end if;
end
$$;
revoke all on function m2m.organization_token_sums(uuid, text, text, timestamptz, timestamptz, text, interval) from public;
grant execute on function m2m.organization_token_sums(uuid, text, text, timestamptz, timestamptz, text, interval) to m2m_gateway;

-- Whoever holds the gateway's login can't make a link or a session that isn't good yet, and so lasts longer; nor is one used in times to come.
drop policy gateway_writes on m2m.portal_link;
create policy gateway_writes on m2m.portal_link for insert to m2m_gateway with check (used_at is null and made_at <= clock_timestamp());
drop policy gateway_writes on m2m.portal_session;
create policy gateway_writes on m2m.portal_session for insert to m2m_gateway
	with check (ended_at is null and made_at <= clock_timestamp() and last_used_at <= clock_timestamp());
create trigger portal_use_is_over before update of last_used_at on m2m.portal_session for each row
	when (new.last_used_at > old.last_used_at and new.last_used_at > clock_timestamp()) execute function m2m.portal_is_final();
