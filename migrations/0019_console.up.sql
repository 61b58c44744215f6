-- Links and sessions of the console, and what an operator asks there. Of codes and tokens there are hashes alone (SHA-256 of 256 random bits).
--
-- The gateway's login may not make a link, a session or an operator's token: m2mctl makes links and tokens with the owner's rights, and a function
-- turns a link's code into a session. What the login may do to signing keys goes through functions too, which want a live session or token.
set local role m2m_owner;

create table m2m.console_link (
	link_id    uuid primary key,
	code_hash  bytea not null unique check (octet_length(code_hash) = 32),
	actor      text not null,
	may        text[] not null check (may <@ '{read,organizations,clients,reveal,keys,audit}' and 'read' = any (may)),
	made_by    text not null,
	made_at    timestamptz not null default clock_timestamp(),
	expires_at timestamptz not null,
	used_at    timestamptz,
	check (expires_at <= made_at + interval '5 minutes')
);
create index console_link_expiry on m2m.console_link (expires_at);

create table m2m.console_session (
	session_id   uuid primary key,
	token_hash   bytea not null unique check (octet_length(token_hash) = 32),
	link_id      uuid not null unique,
	actor        text not null,
	may          text[] not null,
	made_at      timestamptz not null default clock_timestamp(),
	last_used_at timestamptz not null default clock_timestamp(),
	expires_at   timestamptz not null,
	ended_at     timestamptz,
	check (expires_at <= made_at + interval '1 day')
);
create index console_session_expiry on m2m.console_session (expires_at, session_id);

-- The tokens with the role operator that m2mctl minted: one that isn't here opens nothing of an operator's. The audit tells their ids, so it is the
-- token's hash that proves one.
create table m2m.operator_token (
	jti        uuid primary key,
	token_hash bytea not null check (octet_length(token_hash) = 32),
	subject    text not null,
	made_at    timestamptz not null default clock_timestamp(),
	expires_at timestamptz not null,
	ended_at   timestamptz
);
create index operator_token_expiry on m2m.operator_token (expires_at);

create function m2m.console_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'a console link that was used, and what has ended of an operator, stay so' using errcode = 'insufficient_privilege';
end
$$;
revoke all on function m2m.console_is_final() from public;
create trigger console_is_final before update on m2m.console_link for each row
	when (old.used_at is not null) execute function m2m.console_is_final();
create trigger console_is_final before update on m2m.console_session for each row
	when (old.ended_at is not null or new.last_used_at < old.last_used_at or new.may <> old.may or new.expires_at > old.expires_at)
	execute function m2m.console_is_final();
create trigger console_is_final before update on m2m.operator_token for each row
	when (old.ended_at is not null or new.expires_at > old.expires_at) execute function m2m.console_is_final();

-- The gateway sees who has sessions, and may end them; no hash.
grant select (session_id, link_id, actor, may, made_at, last_used_at, expires_at, ended_at) on m2m.console_session to m2m_gateway, m2m_auditor;
grant update (ended_at) on m2m.console_session to m2m_gateway;
grant select (link_id, actor, may, made_by, made_at, expires_at, used_at) on m2m.console_link to m2m_auditor;
grant select (jti, subject, made_at, expires_at, ended_at) on m2m.operator_token to m2m_auditor;

-- A link's code becomes a session: once, whoever else tries it at the same time. A refusal of a link that there is is recorded too.
create function m2m.console_open(code bytea, session uuid, token bytea, request uuid, via "char", address text, agent text, trace text)
returns table (outcome text, session_id uuid, actor text, may text[], made_at timestamptz, last_used_at timestamptz, expires_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
	link m2m.console_link;
	opens boolean;
begin
	-- who comes second waits for the row, and then finds it used
	select * into link from m2m.console_link l where l.code_hash = code for update;
	opens := link.link_id is not null and link.used_at is null and link.expires_at > clock_timestamp();
	if opens then
		update m2m.console_link l set used_at = clock_timestamp() where l.link_id = link.link_id;
		insert into m2m.console_session (session_id, token_hash, link_id, actor, may, made_at, last_used_at, expires_at)
		values (session, token, link.link_id, link.actor, link.may, statement_timestamp(), statement_timestamp(),
		        statement_timestamp() + interval '1 day');
	end if;
	if link.link_id is not null then
		insert into m2m.admin_audit (action, outcome, detail, actor, request_id, transport, remote_addr, user_agent, traceparent)
		values ('open_console_session', case when opens then 'granted' else 'invalid_token' end,
		        jsonb_build_object('link_id', link.link_id, 'session_id', case when opens then session end),
		        'console:' || link.actor, request, via, address::inet, agent, trace);
	end if;
	if not opens then
		return query select 'invalid_token', null::uuid, null::text, null::text[], null::timestamptz, null::timestamptz, null::timestamptz;
		return;
	end if;
	return query select 'granted', s.session_id, s.actor, s.may, s.made_at, s.last_used_at, s.expires_at
		from m2m.console_session s where s.session_id = session;
end
$$;
revoke all on function m2m.console_open(bytea, uuid, bytea, uuid, "char", text, text, text) from public;
grant execute on function m2m.console_open(bytea, uuid, bytea, uuid, "char", text, text, text) to m2m_gateway;

-- Who asks as an operator: the live session that a token's hash is of; or, where an id is given, the live operator's token of that id and hash. A session's
-- use is noted once a minute.
create function m2m.console_use(token bytea, token_id uuid)
returns table (outcome text, session_id uuid, actor text, may text[], made_at timestamptz, last_used_at timestamptz, expires_at timestamptz)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
	update m2m.console_session s set last_used_at = statement_timestamp()
	where token_id is null and s.token_hash = token and s.ended_at is null and s.expires_at > statement_timestamp()
	  and s.last_used_at > statement_timestamp() - interval '1 hour' and s.last_used_at < statement_timestamp() - interval '1 minute';
	return query
		select 'granted', s.session_id, s.actor, s.may, s.made_at, s.last_used_at, s.expires_at
		from m2m.console_session s
		where token_id is null and s.token_hash = token and s.ended_at is null and s.expires_at > statement_timestamp()
		  and s.last_used_at > statement_timestamp() - interval '1 hour'
		union all
		select 'granted', null, t.subject, '{read,organizations,clients,reveal,keys,audit}', t.made_at, statement_timestamp(), t.expires_at
		from m2m.operator_token t
		where t.jti = token_id and t.token_hash = token and t.ended_at is null and t.expires_at > statement_timestamp()
		  and not exists (select from m2m.revoked_token r where r.jti = t.jti);
	if not found then
		return query select 'invalid_token', null::uuid, null::text, null::text[], null::timestamptz, null::timestamptz, null::timestamptz;
	end if;
end
$$;
revoke all on function m2m.console_use(bytea, uuid) from public;
grant execute on function m2m.console_use(bytea, uuid) to m2m_gateway;

-- Ends the transaction (M2M03) unless that session or token is live, and (M2M04) unless it may do that. It stays live until the transaction is over:
-- who ends it waits for what it does.
create function m2m.operator_holds(token bytea, token_id uuid, need text default 'read') returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
	rights text[];
begin
	if token_id is null then
		select s.may into rights from m2m.console_session s
		where s.token_hash = token and s.ended_at is null and s.expires_at > clock_timestamp()
		  and s.last_used_at > clock_timestamp() - interval '1 hour' for share;
	else
		select '{read,organizations,clients,reveal,keys,audit}' into rights from m2m.operator_token t
		where t.jti = token_id and t.token_hash = token and t.ended_at is null and t.expires_at > clock_timestamp()
		  and not exists (select from m2m.revoked_token r where r.jti = t.jti) for share of t;
	end if;
	if rights is null then
		raise exception 'the console session, or the operator''s token, has ended' using errcode = 'M2M03';
	elsif not need = any (rights) then
		raise exception 'the console session may not do this' using errcode = 'M2M04';
	end if;
end
$$;
revoke all on function m2m.operator_holds(bytea, uuid, text) from public;
grant execute on function m2m.operator_holds(bytea, uuid, text) to m2m_gateway;

-- They leave a week after they could be used last.
create function m2m.console_forget() returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
	delete from m2m.console_link where expires_at < statement_timestamp() - interval '7 days';
	delete from m2m.console_session where expires_at < statement_timestamp() - interval '7 days';
	delete from m2m.operator_token where expires_at < statement_timestamp() - interval '7 days';
$$;
revoke all on function m2m.console_forget() from public;
grant execute on function m2m.console_forget() to m2m_gateway;

-- ---- what is searched ----

create index organization_by_slug on m2m.organization (slug collate "C") where deleted_at is null;
create index organization_words on m2m.organization using gin (to_tsvector('simple', name)) where deleted_at is null;
create index client_by_organization on m2m.client (organization_id, client_id) where deleted_at is null;
create index client_by_name on m2m.client ((lower(name) collate "C"), client_id) where deleted_at is null;
create index client_by_name_within on m2m.client (organization_id, (lower(name) collate "C"), client_id) where deleted_at is null;

-- Each word of a text, as the beginning of one that is looked for.
create function m2m.words(search text) returns tsquery language sql stable parallel safe set search_path = pg_catalog, pg_temp as $$
	select to_tsquery('simple', string_agg('''' || replace(replace(word, '\', '\\'), '''', '''''') || ''':*', ' & '))
	from regexp_split_to_table(btrim(search), '\s+') word where word ~ '[[:alnum:]]'
$$;
revoke all on function m2m.words(text) from public;
grant execute on function m2m.words(text) to m2m_gateway;

-- ---- signing keys ----
--
-- Two that change keys at once must not both choose, so each locks the table, as m2mctl's own statements do; reading goes on meanwhile. The gateway calls
-- the last two, which want an operator with the right keys, and record the act.

-- Publishes a key that signs `delay` seconds from now; null: not before another one leaves. Outcome `conflict`: a rotation is under way, by `pending`.
create function m2m.signing_key_rotate(new_kid text, new_alg text, jwk text, wrapped bytea, master text, delay bigint,
                                       out outcome text, out pending text, out seconds bigint)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	lock table m2m.signing_key in share row exclusive mode;
	if delay is not null then
		select k.kid, extract(epoch from k.active_from - statement_timestamp())::int8 into pending, seconds
		from m2m.signing_keys k where k.state = 'next' and k.active_from < 'infinity' limit 1;
	end if;
	outcome := case when pending is null then 'granted' else 'conflict' end;
	if pending is null then
		insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from)
		values (new_kid, new_alg, case when delay = 0 then 'active' else 'next' end, jwk, wrapped, master,
		        coalesce(statement_timestamp() + make_interval(secs => delay), 'infinity'));
	end if;
end
$$;
revoke all on function m2m.signing_key_rotate(text, text, text, bytea, text, bigint) from public;

-- Retires a key, or revokes it. One that signs now needs a successor first: published for `known` seconds, unless `at_once`; then a prepared one before one
-- that has signed already; then the youngest. Outcomes: `not_found`; `conflict`, with the state that it has already; `no_successor`, with the one that is
-- too young, if any; `key_wanted`: there is none but a new one, which wasn't given. `fresh`: verifiers may not know the successor yet.
create function m2m.signing_key_leave(leaving text, revokes boolean, known bigint, at_once boolean, new_kid text, new_alg text, jwk text, wrapped bytea,
                                      master text, out outcome text, out successor text, out fresh boolean)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
	key record;
	is_known boolean;
begin
	lock table m2m.signing_key in share row exclusive mode;
	select k.* into key from m2m.signing_keys k where k.kid = leaving;
	fresh := false;
	if key.kid is null then
		outcome := 'not_found';
		return;
	elsif key.revoked_at is not null or not revokes and key.state = 'retired' then
		outcome := 'conflict';
		successor := key.state;
		return;
	elsif key.current then
		-- a key that has retired by itself may come back while it is published
		select k.kid, k.created_at <= statement_timestamp() - make_interval(secs => known) into successor, is_known
		from m2m.signing_keys k
		where k.kid <> leaving and k.kid in (select n.kid from m2m.signing_key n where n.state in ('next', 'active'))
		  and coalesce(k.published_until, 'infinity') > statement_timestamp()
		order by 2 desc, k.state = 'next' desc, k.created_at desc limit 1;
		fresh := is_known is not true;
		if fresh and not at_once then
			outcome := 'no_successor';
			return;
		elsif successor is not null then
			update m2m.signing_key k set active_from = statement_timestamp(), state = 'active' where k.kid = successor;
		elsif new_kid is null then
			outcome := 'key_wanted';
			return;
		else
			successor := new_kid;
			insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from)
			values (new_kid, new_alg, 'active', jwk, wrapped, master, statement_timestamp());
		end if;
	end if;
	update m2m.signing_key k set state = case when revokes then 'revoked' else 'retired' end,
		retired_at = coalesce(k.retired_at, statement_timestamp()), revoked_at = case when revokes then statement_timestamp() end
	where k.kid = leaving;
	outcome := 'granted';
end
$$;
revoke all on function m2m.signing_key_leave(text, boolean, bigint, boolean, text, text, text, bytea, text) from public;

create function m2m.operator_rotates_key(token bytea, token_id uuid, actor text, request uuid, via "char", address text, agent text, trace text,
                                         new_kid text, new_alg text, jwk text, wrapped bytea, master text, delay bigint, out outcome text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
begin
	perform m2m.operator_holds(token, token_id, 'keys');
	if delay < 5 then
		raise exception 'a new key must be published before it signs' using errcode = 'insufficient_privilege';
	end if;
	select r.outcome into outcome from m2m.signing_key_rotate(new_kid, new_alg, jwk, wrapped, master, delay) r;
	insert into m2m.admin_audit (action, outcome, detail, actor, request_id, transport, remote_addr, user_agent, traceparent)
	values ('rotate_signing_key', outcome, jsonb_build_object('kid', new_kid, 'alg', new_alg, 'seal_key_id', master),
	        actor, request, via, address::inet, agent, trace);
end
$$;
revoke all on function m2m.operator_rotates_key(bytea, uuid, text, uuid, "char", text, text, text, text, text, text, bytea, text, bigint) from public;
grant execute on function m2m.operator_rotates_key(bytea, uuid, text, uuid, "char", text, text, text, text, text, text, bytea, text, bigint) to m2m_gateway;

create function m2m.operator_revokes_key(token bytea, token_id uuid, actor text, request uuid, via "char", address text, agent text, trace text,
                                         leaving text, known bigint, at_once boolean, new_kid text, new_alg text, jwk text, wrapped bytea, master text,
                                         out outcome text)
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
	successor text;
begin
	perform m2m.operator_holds(token, token_id, 'keys');
	select r.outcome, r.successor into outcome, successor
	from m2m.signing_key_leave(leaving, true, known, at_once, new_kid, new_alg, jwk, wrapped, master) r;
	if outcome = 'key_wanted' then
		return; -- it is asked again, with one
	end if;
	insert into m2m.admin_audit (action, outcome, detail, actor, request_id, transport, remote_addr, user_agent, traceparent)
	values ('revoke_signing_key', outcome, jsonb_strip_nulls(jsonb_build_object('kid', leaving, 'successor', case when outcome = 'granted' then successor end)),
	        actor, request, via, address::inet, agent, trace);
end
$$;
revoke all on function m2m.operator_revokes_key(bytea, uuid, text, uuid, "char", text, text, text, text, bigint, boolean, text, text, text, bytea, text) from public;
grant execute on function m2m.operator_revokes_key(bytea, uuid, text, uuid, "char", text, text, text, text, bigint, boolean, text, text, text, bytea, text)
	to m2m_gateway;

-- How many live secrets each master key has, without reading all of them.
create index client_secret_by_key on m2m.client_secret (key_id) where expires_at is null or expires_at > '-infinity';

-- ---- the audit of all organizations, for an operator with the right audit ----

-- As m2m.organization_token_list; organization null: of all.
create function m2m.operator_token_list(operator bytea, operator_token uuid, organization uuid, client text, token uuid, version int, network inet,
                                        since timestamptz, until timestamptz, before_at timestamptz, before_jti uuid, page int, method text, shown text)
returns table (issued_at timestamptz, expires_at timestamptz, jti uuid, client_id text, secret_version int, kid text, caller text, scope text,
               audience text, transport "char", remote_addr text, user_agent text, request_id uuid, auth_method text, credential text,
               bound_to text, organization_id uuid)
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set plan_cache_mode = force_custom_plan -- with the times known, planning leaves out all partitions but those of the span
as $$
declare
	begun timestamptz := clock_timestamp();
	made_at timestamptz := m2m.jti_time(token);
	oldest timestamptz := (select min(to_timestamp(substring(c.relname from '[0-9]{8}$'), 'YYYYMMDD')) from pg_inherits i
	                       join pg_class c on c.oid = i.inhrelid where i.inhparent = 'm2m.token_audit'::regclass);
	networks inet[] := m2m.address_forms(network);
	bottom timestamptz := greatest(since, made_at - interval '1 day');
	high timestamptz := least(until, made_at + interval '1 day', before_at + interval '1 microsecond', begun + interval '1 minute');
	span interval := interval '1 second';
	low timestamptz;
	found_rows int := 0;
	n int;
begin
	perform m2m.operator_holds(operator, operator_token, 'audit');
	if page not between 1 and 1000 then
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
			       t.bound_to, t.organization_id
			from m2m.token_audit t
			where t.issued_at >= low and t.issued_at < high and (organization is null or t.organization_id = organization)
			  and (client is null or t.client_id = client)
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
revoke all on function m2m.operator_token_list(bytea, uuid, uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int, text, text)
	from public;
grant execute on function m2m.operator_token_list(bytea, uuid, uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int, text, text)
	to m2m_gateway;

-- Denied attempts, the youngest first, up to page + 1. A place in the list is a minute, a batch, and how many rows of that batch stand before it. It
-- stops after a while as m2m.organization_token_list does: a last row with nothing but its minute then says how far it has come.
create index denied_audit_latest on m2m.denied_audit (minute, batch_id);
create function m2m.operator_denied_list(operator bytea, operator_token uuid, organization uuid, client text, why text, network inet, since timestamptz,
                                         until timestamptz, before_at timestamptz, before_batch uuid, passed int, page int)
returns table (minute timestamptz, batch_id uuid, place int, client_id text, organization_id uuid, remote_addr text, reason text, attempts int)
language plpgsql security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
	begun timestamptz := clock_timestamp();
	networks inet[] := m2m.address_forms(network);
	oldest timestamptz := coalesce((select d.minute from m2m.denied_audit d order by d.minute limit 1), 'infinity');
	bottom timestamptz := greatest(since, oldest);
	high timestamptz := least(until, before_at + interval '1 microsecond', begun + interval '1 minute');
	span interval := interval '1 minute';
	low timestamptz;
	found_rows int := 0;
	n int;
begin
	perform m2m.operator_holds(operator, operator_token, 'audit');
	if page not between 1 and 1000 then
		return;
	end if;
	while found_rows <= page and high > bottom loop
		low := greatest(high - span, bottom);
		return query
			select d.* from (
				select d.minute, d.batch_id,
				       (row_number() over (partition by d.minute, d.batch_id order by d.reason, d.client_id nulls first, d.remote_addr))::int as place,
				       d.client_id, c.organization_id, host(m2m.unmapped(d.remote_addr)) as remote_addr, d.reason, d.attempts
				from m2m.denied_audit d
				left join m2m.client c on c.client_id = d.client_id collate "C"
				where d.minute >= low and d.minute < high and (before_at is null or (d.minute, d.batch_id) <= (before_at, before_batch))
				  and (organization is null or c.organization_id = organization) and (client is null or d.client_id = client)
				  and (why is null or d.reason = why) and (network is null or d.remote_addr <<= any(networks))) d
			where before_at is null or (d.minute, d.batch_id) < (before_at, before_batch) or d.place > passed
			order by d.minute desc, d.batch_id desc, d.place limit page + 1 - found_rows;
		get diagnostics n = row_count;
		found_rows := found_rows + n;
		high := low;
		span := span * 2;
		if found_rows <= page and high > bottom and clock_timestamp() > begun + interval '100 milliseconds' then
			return query select high, null::uuid, null::int, null::text, null::uuid, null::text, null::text, null::int;
			return;
		end if;
	end loop;
end
$$;
revoke all on function m2m.operator_denied_list(bytea, uuid, uuid, text, text, inet, timestamptz, timestamptz, timestamptz, uuid, int, int) from public;
grant execute on function m2m.operator_denied_list(bytea, uuid, uuid, text, text, inet, timestamptz, timestamptz, timestamptz, uuid, int, int) to m2m_gateway;
