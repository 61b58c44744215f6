-- Operators who end each other's sessions at once, the first signing key, and lists of very many clients.
set local role m2m_owner;

-- Ends a console session, whoever asks and whichever it is, and records it. Its row and the asker's are locked in the order of their ids (an operator's
-- token before them), so that two who end each other don't wait for each other: who comes second has ended by then (M2M03). Outcome `not_found`: there is
-- no such session; one that has ended stays as it is.
create function m2m.operator_ends_session(token bytea, token_id uuid, actor text, request uuid, via "char", address text, agent text, trace text,
                                          session uuid, out outcome text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
	named m2m.console_session;
begin
	if token_id is not null then
		perform m2m.operator_holds(token, token_id, 'organizations');
	end if;
	perform from m2m.console_session s where s.session_id = session or token_id is null and s.token_hash = token
	order by s.session_id for no key update;
	select * into named from m2m.console_session s where s.session_id = session;
	if token_id is null then
		-- everybody may sign out
		perform m2m.operator_holds(token, null, case when named.token_hash = token then 'read' else 'organizations' end);
	end if;
	outcome := case when named.session_id is null then 'not_found' else 'granted' end;
	if named.session_id is not null then
		if named.ended_at is not null or named.expires_at <= clock_timestamp() or named.last_used_at <= clock_timestamp() - interval '1 hour' then
			return;
		end if;
		update m2m.console_session s set ended_at = clock_timestamp() where s.session_id = session;
	end if;
	insert into m2m.admin_audit (action, outcome, detail, actor, request_id, transport, remote_addr, user_agent, traceparent)
	values ('end_console_session', outcome,
	        jsonb_strip_nulls(jsonb_build_object('session_id', session, 'link_id', named.link_id, 'for', named.actor)),
	        actor, request, via, address::inet, agent, trace);
end
$$;
revoke all on function m2m.operator_ends_session(bytea, uuid, text, uuid, "char", text, text, text, uuid) from public;
grant execute on function m2m.operator_ends_session(bytea, uuid, text, uuid, "char", text, text, text, uuid) to m2m_gateway;

-- The first signing key, which signs at once. Outcome `exists`: one signs already. m2mctl calls it, as it calls m2m.signing_key_rotate and
-- m2m.signing_key_leave, and records the act.
create function m2m.signing_key_first(new_kid text, new_alg text, jwk text, wrapped bytea, master text, out outcome text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	lock table m2m.signing_key in share row exclusive mode;
	outcome := case when exists (select from m2m.signing_key_current) then 'exists' else 'granted' end;
	if outcome = 'granted' then
		insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from)
		values (new_kid, new_alg, 'active', jwk, wrapped, master, statement_timestamp());
	end if;
end
$$;
revoke all on function m2m.signing_key_first(text, text, text, bytea, text) from public;

-- ---- lists of very many clients ----

-- Whoever reads the clients of an organization by their ids has them in that order from either index; else a planner may take this one and sort them all.
create index client_in_organization on m2m.client (organization_id, client_id);
drop index m2m.client_organization;

-- When each client last got a token, for a page of a list: by its rows in its index, week after week back to what is counted, and then by the counts.
-- As m2m.credentials_last_used, but for many clients at once and not told apart by credential. Each writer has a page of the table for its own rows, so
-- that those which the index gives last needn't be the youngest: of the last 256 the youngest counts, and the client got its last token then at least.
-- It gives up after a while, and says nothing of the clients that are left: null is "not known".
create function m2m.clients_last_used(clients text[])
returns table (client_id text, last_used_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set enable_sort = off set enable_seqscan = off -- only an index has rows in an order without sorting
	set plan_cache_mode = force_custom_plan -- with the times known, planning leaves out all partitions but one
as $$
#variable_conflict use_column
declare
	begun timestamptz := clock_timestamp();
	oldest timestamptz := (select min(to_timestamp(substring(c.relname from '[0-9]{8}$'), 'YYYYMMDD')) from pg_inherits i
	                       join pg_class c on c.oid = i.inhrelid where i.inhparent = 'm2m.token_audit'::regclass);
	counted timestamptz := coalesce((select u.until from m2m.token_usage_until u), '-infinity');
	high timestamptz := begun + interval '1 minute';
	low timestamptz;
	missing text[] := clients;
begin
	while cardinality(missing) > 0 and high > counted and clock_timestamp() < begun + interval '30 milliseconds' loop
		low := date_trunc('week', high - interval '1 microsecond');
		if low <= oldest then
			low := '-infinity'; -- rows that no week took
		end if;
		for client_id, last_used_at in
			select c.client, t.at from unnest(missing) c(client) cross join lateral (
				select max(r.issued_at) as at from (
					select a.issued_at from m2m.token_audit a
					-- not by equality, which would leave the order open
					where a.client_id >= c.client collate "C" and a.client_id <= c.client collate "C" and a.issued_at >= low and a.issued_at < high
					order by a.client_id desc limit 256) r) t
			where t.at is not null
		loop
			missing := array_remove(missing, client_id);
			return next;
		end loop;
		high := low;
	end loop;
	if high > counted and cardinality(missing) > 0 then
		return query select c.client, null::timestamptz from unnest(missing) c(client);
		return;
	end if;
	return query
		select c.client, greatest(u.at, b.at) from unnest(missing) c(client)
		left join lateral (select max(r.last_issued_at) as at from (
			select a.last_issued_at from m2m.token_usage a where a.client_id = c.client collate "C" order by a.day desc limit 16) r) u on true
		left join lateral (select max(p.last_used_at) as at from m2m.credential_use_before p where p.client_id = c.client collate "C") b on true;
end
$$;
revoke all on function m2m.clients_last_used(text[]) from public;
grant execute on function m2m.clients_last_used(text[]) to m2m_gateway;
