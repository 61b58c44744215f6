set local role m2m_owner;

drop function m2m.delete_clients(uuid);
drop function m2m.end_credentials(text[]);
create or replace function m2m.bound_secrets(organization uuid, age int)
returns table (client_id text, secret_version int, expires_at timestamptz)
language sql volatile set search_path = pg_catalog, pg_temp as $$
	update m2m.client_secret s set expires_at = b.until
	from (select c.client_id, s.version,
	             greatest(s.created_at + make_interval(secs => bound_secrets.age),
	                      clock_timestamp() + least(make_interval(secs => bound_secrets.age), interval '7 days')) as until
	      from m2m.client c join m2m.client_secret s on s.client_id = c.client_id and (s.expires_at is null or s.expires_at > '-infinity')
	      where c.organization_id = bound_secrets.organization and c.deleted_at is null
	        and (s.expires_at is null or s.expires_at > clock_timestamp())) b
	where s.client_id = b.client_id and s.version = b.version and (s.expires_at is null or s.expires_at > b.until)
	returning s.client_id, s.version, s.expires_at
$$;
create or replace function m2m.end_unused_secrets(versions int, most int, by text, via "char", request uuid)
returns table (client_id text, version int, last_used_at timestamptz)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
#variable_conflict use_column
declare
	due record;
	secret record;
	look record;
	now_at timestamptz;
	next_look timestamptz;
	held boolean;
begin
	if current_setting('transaction_isolation') <> 'read committed' then
		raise exception 'each statement here needs a snapshot of its own' using errcode = 'invalid_transaction_state';
	end if;
	for n in 1 .. versions loop
		select q.client_id, q.version, q.used_at into due from m2m.secret_unused_look q where q.look_at <= clock_timestamp()
			order by q.look_at limit 1 for update skip locked;
		exit when not found;
		select c.organization_id, s.unused_for, make_interval(secs => s.unused_for) as span, greatest(s.created_at, s.ended_at) as replaced_at into secret
			from m2m.client_secret s join m2m.client c on c.client_id = s.client_id
			where s.client_id = due.client_id and s.version = due.version and s.expires_at > clock_timestamp() and s.unused_for is not null;
		if not found then
			delete from m2m.secret_unused_look q where q.client_id = due.client_id and q.version = due.version;
			continue;
		end if;
		next_look := null;
		held := false;
		for looks in 1 .. 2 loop
			if looks = 2 then
				perform from m2m.client_secret s where s.client_id = due.client_id and s.version = due.version and s.expires_at > clock_timestamp()
					for update skip locked;
				if not found then
					next_look := clock_timestamp() + interval '1 second';
					exit;
				end if;
				held := true;
			end if;
			now_at := clock_timestamp();
			select * into look from m2m.secret_last_token(due.client_id, due.version, coalesce(due.used_at, secret.replaced_at), most);
			due.used_at := greatest(due.used_at, look.last_at);
			if greatest(due.used_at, secret.replaced_at) + secret.span > now_at then
				next_look := greatest(due.used_at, secret.replaced_at) + secret.span;
			elsif not look.complete then
				next_look := clock_timestamp() + interval '1 hour'; -- the week that comes has fewer rows
			end if;
			exit when next_look is not null;
		end loop;
		if next_look is not null then
			update m2m.secret_unused_look q set look_at = next_look, used_at = due.used_at where q.client_id = due.client_id and q.version = due.version;
			exit when held;
			continue;
		end if;
		update m2m.client_secret s set expires_at = now_at where s.client_id = due.client_id and s.version = due.version;
		insert into m2m.admin_audit (at, action, outcome, actor, organization_id, client_id, secret_version, request_id, transport, detail)
			values (now_at, 'end_unused_secret', 'granted', by, secret.organization_id, due.client_id, due.version, request, via,
			        jsonb_build_object('last_used_at', due.used_at, 'unused_for', secret.unused_for));
		delete from m2m.secret_unused_look q where q.client_id = due.client_id and q.version = due.version;
		client_id := due.client_id;
		version := due.version;
		last_used_at := due.used_at;
		return next;
		exit;
	end loop;
end
$$;
create or replace function m2m.secrets_in_grace(client text)
returns table (version int, hint text, created_at timestamptz, replaced_at timestamptz, expires_at timestamptz, unused_for int, counted_since timestamptz,
               remote_addr text, user_agent text, tokens bigint, first_issued_at timestamptz, last_issued_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off
	set enable_sort = off set enable_seqscan = off -- only an index has rows in an order without sorting
	set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
	oldest timestamptz := (select min(s.ended_at) from m2m.client_secret s join m2m.client c on c.client_id = s.client_id
	                       where s.client_id = client collate "C" and s.version <> c.secret_version and s.expires_at > clock_timestamp());
begin
	if oldest is null then
		return;
	end if;
	return query
	with seen as materialized (
		select t.issued_at, t.secret_version, t.credential, t.remote_addr, t.user_agent from m2m.token_audit t
		-- not by equality, which would leave the order open
		where t.client_id >= client collate "C" and t.client_id <= client collate "C" and t.issued_at >= date_trunc('week', oldest)
		order by t.client_id desc limit 20001
	), uses as (
		select t.secret_version, host(m2m.unmapped(t.remote_addr)) as remote_addr, t.user_agent, count(*) as tokens,
		       min(t.issued_at) as first_at, max(t.issued_at) as last_at
		from seen t join m2m.client_secret s on s.client_id = client collate "C" and s.version = t.secret_version
		where t.credential is null and t.issued_at >= s.ended_at group by 1, 2, 3
	)
	select s.version, s.hint, s.created_at, s.ended_at, s.expires_at, s.unused_for,
	       (select min(t.issued_at) from seen t having count(*) > 20000), u.remote_addr, u.user_agent, u.tokens, u.first_at, u.last_at
	from m2m.client_secret s join m2m.client c on c.client_id = s.client_id
	left join lateral (select * from uses u where u.secret_version = s.version order by u.last_at desc limit 50) u on true
	where s.client_id = client collate "C" and s.version <> c.secret_version and s.expires_at > clock_timestamp()
	order by s.version desc, u.last_at desc;
end
$$;
drop trigger secret_end_is_final on m2m.client_secret;
create or replace function m2m.secret_end_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	if old.expires_at <= clock_timestamp() or new.expires_at is null then
		raise exception 'version % of client % has its end already', old.version, old.client_id using errcode = 'insufficient_privilege';
	end if;
	return new;
end
$$;
create trigger secret_end_is_final before update on m2m.client_secret for each row
	when (old.expires_at is not null and (new.expires_at is null or new.expires_at > old.expires_at))
	execute function m2m.secret_end_is_final();
alter table m2m.client_secret drop column over;
