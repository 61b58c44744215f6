-- Operators who end each other's sessions at once, and the first signing key.
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
