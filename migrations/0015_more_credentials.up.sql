-- Credentials of two more kinds: certificates (RFC 8705), and workloads, which a platform of their own vouches for (RFC 7523).
-- Tokens that a client must have bound to a key of its own (RFC 9449, RFC 8705), and its security profile.
set local role m2m_owner;

alter table m2m.client drop constraint client_auth_methods;
alter table m2m.client add constraint client_auth_methods check (auth_methods is null
	or (auth_methods <@ '{secret,key,certificate,workload}'::text[] and cardinality(auth_methods) between 1 and 4
	and array_ndims(auth_methods) = 1 and array_position(auth_methods, null) is null)) not valid;

-- What its tokens have to be bound to: a proof's key (dpop), a client certificate, or either (any). Null: nothing.
alter table m2m.client add column token_binding text;
alter table m2m.client add constraint client_token_binding check (token_binding in ('dpop', 'certificate', 'any')) not valid;
-- fapi2: FAPI 2.0 Security Profile. What of it can be said of a client alone is said here; the rest is of each request.
alter table m2m.client add column profile text;
alter table m2m.client add constraint client_profile check (profile is null or (profile = 'fapi2' and token_binding is not null
	and auth_methods is not null and auth_methods <@ '{key,certificate}'::text[])) not valid;

-- The ids: of a key its RFC 7638 thumbprint; of a certificate "x5t#S256:<thumbprint>", or RFC 8705's parameter and the name,
-- "tls_client_auth_san_dns:host.example"; of a workload a thumbprint of what is asked of its token.
alter table m2m.client_credential drop constraint client_credential_kind_check;
alter table m2m.client_credential add constraint client_credential_kind_check check (kind in ('key', 'certificate', 'workload')) not valid;
alter table m2m.client_credential drop constraint client_credential_credential_id_check;
alter table m2m.client_credential add constraint client_credential_credential_id_check
	check (credential_id <> '' and length(credential_id) <= 1100 and strpos(credential_id, e'\n') = 0) not valid;

-- Of a workload: what its token has to say.
alter table m2m.client_credential
	add column issuer     text, -- exactly
	add column subject    text, -- exactly; null: any, claims decide
	add column audience   text, -- among the token's
	add column claims     jsonb, -- each with this value
	add column may_replay boolean; -- a token without jti is taken, and each as often as it is shown
alter table m2m.client_credential add constraint client_credential_workload check (kind <> 'workload'
	or (issuer is not null and audience is not null and may_replay is not null and claims is not null and jsonb_typeof(claims) = 'object'
	and (subject is not null or claims <> '{}'))) not valid;

-- How many credentials of the kind the client has, and whether this is one of them: as m2m.client_keys_now, which stays for
-- the gateways of before.
create function m2m.client_credentials_now(client text, credential text, of_kind text, out credentials bigint, out present boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
	select count(*) filter (where k.kind = of_kind), coalesce(bool_or(k.credential_id = credential collate "C"), false)
	into credentials, present
	from m2m.client_credential k where k.client_id = client collate "C" and k.ended_at is null;
end
$$;
revoke all on function m2m.client_credentials_now(text, text, text) from public;
grant execute on function m2m.client_credentials_now(text, text, text) to m2m_gateway;
grant update (token_binding, profile) on m2m.client to m2m_gateway;

create or replace view m2m.client_credentials with (security_invoker = true) as
	select k.client_id, o.slug as organization, c.organization_id, k.credential_id, k.kind, k.name, k.created_at, k.expires_at, k.ended_at,
	       k.ended_at is null and (k.expires_at is null or k.expires_at > now()) as live,
	       k.issuer, k.subject, k.audience, k.claims, k.may_replay
	from m2m.client_credential k join m2m.client c using (client_id) join m2m.organization o using (organization_id);

-- How each client authenticates and what it is held to, for auditors.
create view m2m.client_authentication with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, coalesce(c.auth_methods, '{secret}') as auth_methods, c.token_binding, c.profile
	from m2m.client c join m2m.organization o using (organization_id) where c.deleted_at is null;
grant select on m2m.client_authentication to m2m_auditor;
-- ---- when each credential was used last, and which tokens it gave ----

-- The counts of days that are over know which credential it was: null for a secret, of secret_version.
alter table m2m.token_usage add column credential text;

create or replace function m2m.audit_count_day(out day date, out waiting boolean)
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
	mark m2m.token_usage_until;
	over timestamptz := date_trunc('day', clock_timestamp() - interval '1 hour');
begin
	waiting := false;
	select * into strict mark from m2m.token_usage_until for update;
	if mark.until >= over then
		return;
	end if;
	if mark.asked_until is null or mark.asked_until <= mark.until then
		update m2m.token_usage_until set asked_until = over, asked_by = pg_current_xact_id();
		waiting := true;
		return;
	end if;
	if pg_snapshot_xmin(pg_current_snapshot()) <= mark.asked_by then
		waiting := true;
		return;
	end if;
	day := mark.until::date;
	insert into m2m.token_usage
		(day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at, auth_method, credential)
		select audit_count_day.day, t.organization_id, t.client_id, t.secret_version, t.kid, count(*), min(t.issued_at), max(t.issued_at),
		       t.auth_method, t.credential
		from m2m.token_audit t where t.issued_at >= mark.until and t.issued_at < mark.until + interval '1 day'
		group by t.organization_id, t.client_id, t.secret_version, t.kid, t.auth_method, t.credential;
	update m2m.token_usage_until set until = mark.until + interval '1 day';
end
$$;

-- The last use of each credential that the client has now, of live secrets and of the others; an audit without an index for it
-- answers in milliseconds, however long it is. A day that was counted is in token_usage. For the days since, the client's rows
-- are walked from the newest on: rows of one client stand in the index by their place in the table, which is the order in which
-- they were written, but for the page or so that each connection has begun. So a few more are looked at than would do. The walk
-- ends after 2,000 rows (or 50 ms, of a cold cache): what wasn't met by then was last used when the counts say, or after that and before
-- `unknown_until`, which is null when nothing is unknown.
--
-- A workload is met by its issuer and subject, all that the audit has of it: two that differ in nothing else share their use,
-- and so do those of an issuer whose claims alone decide.
create function m2m.credentials_last_used(client text)
returns table (kind text, credential_id text, secret_version int, last_used_at timestamptz, remote_addr text, user_agent text,
               unknown_until timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set enable_sort = off set enable_seqscan = off -- only an index has rows in an order without sorting
	set plan_cache_mode = force_custom_plan -- with the times known, planning leaves out all partitions but one
as $$
declare
	begun timestamptz := clock_timestamp();
	oldest timestamptz := (select min(to_timestamp(substring(c.relname from '[0-9]{8}$'), 'YYYYMMDD')) from pg_inherits i
	                       join pg_class c on c.oid = i.inhrelid where i.inhparent = 'm2m.token_audit'::regclass);
	counted timestamptz := (select u.until from m2m.token_usage_until u);
	marks text[]; -- what the audit calls each; and of each in that order:
	born timestamptz[];
	used timestamptz[];
	address inet[];
	agent text[];
	high timestamptz := begun + interval '1 minute';
	low timestamptz;
	back_to timestamptz := 'infinity';
	missing int;
	walked int := 0;
	cut boolean := false;
	found_row record;
	n int;
begin
	select array_agg(c.mark), array_agg(c.since), count(*) into marks, born, missing from (
		select c.mark, min(c.since) as since from (
			select s.version::text as mark, s.created_at as since from m2m.client_secret s
			where s.client_id = client collate "C" and (s.expires_at is null or s.expires_at > begun)
			union all
			select case k.kind when 'workload' then k.issuer || ' ' || coalesce(k.subject, '') else k.credential_id end, k.created_at
			from m2m.client_credential k where k.client_id = client collate "C" and k.ended_at is null) c
		group by c.mark) c;
	if missing = 0 then
		return;
	end if;
	used := array_fill(null::timestamptz, array[missing]);
	address := array_fill(null::inet, array[missing]);
	agent := array_fill(null::text, array[missing]);
	counted := greatest(counted, (select min(b) from unnest(born) b));
	while missing > 0 and high > counted and not cut loop
		low := date_trunc('week', high - interval '1 microsecond');
		if low <= oldest then
			low := '-infinity'; -- rows that no week took
		end if;
		low := greatest(low, counted);
		for found_row in
			select t.issued_at, coalesce(t.credential, t.secret_version::text) as mark, t.remote_addr, t.user_agent from m2m.token_audit t
			-- not by equality, which would leave the order open
			where t.client_id >= client collate "C" and t.client_id <= client collate "C" and t.issued_at >= low and t.issued_at < high
			order by t.client_id desc limit 2000
		loop
			walked := walked + 1;
			n := array_position(marks, found_row.mark);
			if n is null and strpos(found_row.mark, ' ') > 0 then
				n := array_position(marks, split_part(found_row.mark, ' ', 1) || ' ');
			end if;
			if n is not null and found_row.issued_at >= born[n] and (used[n] is null or used[n] < found_row.issued_at) then
				missing := missing - (used[n] is null)::int;
				used[n] := found_row.issued_at;
				address[n] := found_row.remote_addr;
				agent[n] := found_row.user_agent;
			end if;
			back_to := least(back_to, found_row.issued_at);
			exit when missing = 0 and walked >= 64;
			cut := missing > 0 and (walked >= 2000 or (walked % 64 = 0 and clock_timestamp() > begun + interval '50 milliseconds'));
			exit when cut;
		end loop;
		high := low;
		cut := cut or (missing > 0 and high > counted and clock_timestamp() > begun + interval '50 milliseconds');
	end loop;
	if missing > 0 then
		for found_row in
			select coalesce(u.credential, u.secret_version::text) as mark, max(u.last_issued_at) as issued_at
			from (select * from m2m.token_usage a where a.client_id = client collate "C" order by a.day desc limit 5000) u group by 1
		loop
			n := coalesce(array_position(marks, found_row.mark), array_position(marks, split_part(found_row.mark, ' ', 1) || ' '));
			if n is not null and address[n] is null and found_row.issued_at >= born[n] then
				used[n] := greatest(used[n], found_row.issued_at);
			end if;
		end loop;
		for n in 1 .. cardinality(marks) loop
			exit when clock_timestamp() > begun + interval '100 milliseconds';
			if used[n] is not null and address[n] is null and agent[n] is null then
				-- where the index of times says, and not that of clients, who may have many
				select t.remote_addr, t.user_agent into found_row from m2m.token_audit t
				where t.issued_at = used[n] and t.client_id || '' = client
				  and starts_with(coalesce(t.credential, t.secret_version::text), marks[n]) limit 1;
				address[n] := found_row.remote_addr;
				agent[n] := found_row.user_agent;
			end if;
		end loop;
	end if;
	return query
		select 'secret', s.version::text, s.version, used[p.n], host(m2m.unmapped(address[p.n])), agent[p.n],
		       case when cut and (used[p.n] is null or used[p.n] < back_to) then back_to end
		from m2m.client_secret s cross join lateral (select array_position(marks, s.version::text) as n) p
		where s.client_id = client collate "C" and p.n is not null
		union all
		select k.kind, k.credential_id, null, used[p.n], host(m2m.unmapped(address[p.n])), agent[p.n],
		       case when cut and (used[p.n] is null or used[p.n] < back_to) then back_to end
		from m2m.client_credential k cross join lateral (select array_position(marks,
			case k.kind when 'workload' then k.issuer || ' ' || coalesce(k.subject, '') else k.credential_id end) as n) p
		where k.client_id = client collate "C" and k.ended_at is null and p.n is not null;
end
$$;
revoke all on function m2m.credentials_last_used(text) from public;
grant execute on function m2m.credentials_last_used(text) to m2m_gateway, m2m_auditor;

-- Quick for one client; for all of them it asks as often as there are clients.
create view m2m.credential_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, u.kind, u.credential_id, u.secret_version, u.last_used_at,
	       u.remote_addr, u.user_agent, u.unknown_until
	from m2m.client c join m2m.organization o using (organization_id) cross join lateral m2m.credentials_last_used(c.client_id) u
	where c.deleted_at is null;
grant select on m2m.credential_last_use to m2m_auditor;

-- As before, and by how the client authenticated: `method` as m2m.auth_method_name says it, `shown` as the column credential.
-- The one with ten parameters stays for the gateways of before.
create function m2m.organization_token_list(organization uuid, client text, token uuid, version int, network inet, since timestamptz,
                                            until timestamptz, before_at timestamptz, before_jti uuid, page int, method text, shown text)
returns table (issued_at timestamptz, expires_at timestamptz, jti uuid, client_id text, secret_version int, kid text, caller text, scope text,
               audience text, transport "char", remote_addr text, user_agent text, request_id uuid, auth_method text, credential text,
               bound_to text)
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
			       host(m2m.unmapped(t.remote_addr)), t.user_agent, t.request_id, m2m.auth_method_name(t.auth_method), t.credential,
			       t.bound_to
			from m2m.token_audit t
			where t.issued_at >= low and t.issued_at < high and t.organization_id = organization
			  and (t.client_id = any(clients) or t.client_id is null) and (client is null or t.client_id = client)
			  and (token is null or t.jti = token) and (version is null or t.secret_version = version)
			  and (network is null or t.remote_addr <<= any(networks))
			  and (method is null or m2m.auth_method_name(t.auth_method) = method) and (shown is null or t.credential = shown)
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
revoke all on function m2m.organization_token_list(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int, text, text) from public;
grant execute on function m2m.organization_token_list(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int, text, text) to m2m_gateway;
