-- How each token's client authenticated, with which credential, and what the token is bound to. Null: from before, or an
-- operator's token, which no client asked for.
set local role m2m_owner;

-- Nothing is rewritten: the columns are null in what is there. The moment that this takes the whole audit for is tried for
-- 50 ms at a time, so that no token waits behind a long reader.
do $$
declare
	patience text := current_setting('lock_timeout');
begin
	perform set_config('lock_timeout', '50ms', true);
	for try in 1 .. 300 loop
		begin
			alter table m2m.token_audit
				add column auth_method "char", -- m2m.auth_method_name has the words
				add column credential  text,   -- null: a secret, of secret_version; else a key's or certificate's id, or "issuer subject"
				add column bound_to    text;   -- null: a bearer token; else "jkt:..." or "x5t#S256:..." (RFC 9449, RFC 8705)
			alter table m2m.audit_seal
				add column version     int;    -- of the sealed bytes; null: 1, whose rows end with traceparent
			perform set_config('lock_timeout', patience, true);
			return;
		exception when lock_not_available then
			perform pg_sleep(0.2);
		end;
	end loop;
	raise exception 'somebody was always at the audit; try again later' using errcode = 'lock_not_available';
end
$$;

-- The words are OAuth's, where it has one. Not strict: only so is it a part of the query that calls it.
create function m2m.auth_method_name(method "char") returns text language sql immutable parallel safe
begin atomic
	select case method
		when 'b' then 'client_secret_basic'
		when 'p' then 'client_secret_post'
		when 'k' then 'private_key_jwt'
		when 't' then 'tls_client_auth'
		when 's' then 'self_signed_tls_client_auth'
		when 'w' then 'workload'
		when 'j' then 'jwt_bearer'
		else method::text end;
end;
revoke all on function m2m.auth_method_name("char") from public;
grant execute on function m2m.auth_method_name("char") to m2m_auditor, m2m_organization_auditor;

-- As before, and how.
create or replace view m2m.tokens_issued with (security_invoker = true) as
	select t.issued_at, t.expires_at, t.jti, o.slug as organization, t.organization_id, t.client_id, t.secret_version, t.kid, t.caller,
	       t.scope, t.audience, case t.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end as transport,
	       m2m.unmapped(t.remote_addr) as remote_addr, t.user_agent, t.request_id, t.batch_id, t.traceparent,
	       m2m.auth_method_name(t.auth_method) as auth_method, t.credential, t.bound_to
	from m2m.token_audit t left join m2m.organization o using (organization_id);

create or replace view m2m.tokens_alive_now with (security_invoker = true) as
	select * from m2m.tokens_issued
	-- 30 days is the longest lifetime a client may have, so older partitions are not read
	where expires_at > now() and issued_at > now() - interval '30 days';

create or replace function m2m.token(jti uuid) returns setof m2m.tokens_issued language sql stable
begin atomic
	select * from m2m.tokens_issued t
	where t.jti = token.jti and t.issued_at >= coalesce(m2m.jti_time(token.jti) - interval '1 day', '-infinity')
	  and t.issued_at <= coalesce(m2m.jti_time(token.jti) + interval '1 day', 'infinity');
end;

create or replace function m2m.tokens_signed_with(kid text) returns setof m2m.tokens_issued language sql stable
begin atomic
	select * from m2m.tokens_issued t
	where t.kid = tokens_signed_with.kid
	  and t.issued_at >= (select min(u.first_issued_at) from m2m.token_usage_to_now u where u.kid = tokens_signed_with.kid)
	  and t.issued_at <= (select max(u.last_issued_at) from m2m.token_usage_to_now u where u.kid = tokens_signed_with.kid);
end;

create or replace function m2m.token_story(jti uuid) returns table (at timestamptz, event text, detail jsonb) language sql stable
begin atomic
	with t as materialized (select * from m2m.token(token_story.jti))
	select t.issued_at, 'token issued', to_jsonb(t) from t
	union all select t.expires_at, 'token expires', null from t
	union all select s.created_at, 'secret made', jsonb_build_object('client_id', s.client_id, 'secret_version', s.version, 'hint', s.hint)
		from t join m2m.client_secret s on s.client_id = t.client_id and s.version = t.secret_version
	union all select s.ended_at, 'secret replaced', jsonb_build_object('client_id', s.client_id, 'secret_version', s.version)
		from t join m2m.client_secret s on s.client_id = t.client_id and s.version = t.secret_version where s.ended_at is not null
	union all select s.expires_at, 'end of the secret''s grace', jsonb_build_object('client_id', s.client_id, 'secret_version', s.version)
		from t join m2m.client_secret s on s.client_id = t.client_id and s.version = t.secret_version where s.expires_at > '-infinity'
	union all select c.disabled_at, 'client disabled', jsonb_build_object('client_id', c.client_id)
		from t join m2m.client c using (client_id) where c.disabled_at is not null
	union all select o.disabled_at, 'organization disabled', jsonb_build_object('organization', o.slug)
		from t join m2m.organization o using (organization_id) where o.disabled_at is not null
	union all select k.revoked_at, 'signing key revoked', jsonb_build_object('kid', k.kid)
		from t join m2m.signing_key k using (kid) where k.revoked_at is not null
	order by 1, 2;
end;

-- The counts of days that are over know the method too, so that it outlives the rows.
alter table m2m.token_usage add column auth_method "char";

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
		(day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at, auth_method)
		select audit_count_day.day, t.organization_id, t.client_id, t.secret_version, t.kid, count(*), min(t.issued_at), max(t.issued_at),
		       t.auth_method
		from m2m.token_audit t where t.issued_at >= mark.until and t.issued_at < mark.until + interval '1 day'
		group by t.organization_id, t.client_id, t.secret_version, t.kid, t.auth_method;
	update m2m.token_usage_until set until = mark.until + interval '1 day';
end
$$;

create or replace view m2m.token_usage_to_now with (security_invoker = true) as
	select day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at, auth_method from m2m.token_usage
	union all
	select (issued_at at time zone 'UTC')::date, organization_id, client_id, secret_version, kid, count(*), min(issued_at), max(issued_at),
	       auth_method
	from m2m.token_audit where issued_at >= (select until from m2m.token_usage_until)
	group by 1, 2, 3, 4, 5, 9;

-- How many tokens each client got with which method, day by day (UTC).
create view m2m.tokens_by_auth_method with (security_invoker = true) as
	select u.day, o.slug as organization, u.organization_id, u.client_id, m2m.auth_method_name(u.auth_method) as auth_method,
	       sum(u.tokens)::bigint as tokens, min(u.first_issued_at) as first_issued_at, max(u.last_issued_at) as last_issued_at
	from m2m.token_usage_to_now u left join m2m.organization o using (organization_id)
	group by u.day, u.organization_id, o.slug, u.client_id, u.auth_method;
grant select on m2m.tokens_by_auth_method to m2m_auditor, m2m_organization_auditor;

-- What m2m.organization_tokens answers, and how. That one stays for the gateways of before, which go on while this is new.
create function m2m.organization_token_list(organization uuid, client text, token uuid, version int, network inet, since timestamptz,
                                            until timestamptz, before_at timestamptz, before_jti uuid, page int)
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
revoke all on function m2m.organization_token_list(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int) from public;
grant execute on function m2m.organization_token_list(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int) to m2m_gateway;

-- Puts a week back that was detached, of token_audit or audit_seal. One from before a migration lacks the columns that came
-- since; they are added first, null as in the weeks that stayed.
create function m2m.audit_attach_partition(part text) returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' set timezone = 'UTC' as $$
declare
	parent text := substring(part from '^(token_audit|audit_seal)_p[0-9]{8}$');
	week timestamptz;
	lacking record;
begin
	if parent is null or to_regclass(format('m2m.%I', part)) is null then
		raise exception '% is not a week of the audit', part;
	end if;
	week := right(part, 8)::date::timestamp at time zone 'UTC';
	for lacking in
		select a.attname, format_type(a.atttypid, a.atttypmod) as type from pg_attribute a
		where a.attrelid = format('m2m.%I', parent)::regclass and a.attnum > 0 and not a.attisdropped
		  and not exists (select from pg_attribute p where p.attrelid = format('m2m.%I', part)::regclass and p.attname = a.attname
		                  and not p.attisdropped)
		order by a.attnum
	loop
		execute format('alter table m2m.%I add column %I %s', part, lacking.attname, lacking.type);
	end loop;
	execute format('alter table m2m.%I attach partition m2m.%I for values from (%L) to (%L)', parent, part, week, week + interval '7 days');
end
$$;
revoke all on function m2m.audit_attach_partition(text) from public;
