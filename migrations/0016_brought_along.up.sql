-- Clients that are brought along from another product, with the ids and secrets that they have there; secrets that end by themselves; old versions that end once
-- nobody uses them.
set local role m2m_owner;

alter table m2m.client drop constraint client_client_id_check;
alter table m2m.client add constraint client_id_visible check (client_id ~ '^[!-~]{8,128}$') not valid;

-- A version that was brought along has no salt: it isn't derived, and can't be read. Until it is used for the first time it has the hash that the other product kept,
-- and no verifier of ours.
alter table m2m.client_secret alter column key_id drop not null, alter column salt drop not null, alter column verifier drop not null,
	alter column hint drop not null;
alter table m2m.client_secret add column foreign_hash text;
alter table m2m.client_secret add constraint client_secret_known check ((verifier is null) = (key_id is null)
	and (verifier is null) = (foreign_hash is not null) and (salt is not null or hint is null) and (salt is null or foreign_hash is null)) not valid;

-- A gateway gives such a version its verifier once, and changes nothing else of what a secret is known by.
create function m2m.secret_is_adopted_once() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'version % of client % has its verifier already', old.version, old.client_id using errcode = 'insufficient_privilege';
end
$$;
create trigger secret_is_adopted_once before update of verifier, key_id, foreign_hash on m2m.client_secret for each row
	when (old.foreign_hash is null or new.foreign_hash is not null)
	execute function m2m.secret_is_adopted_once();
grant update (verifier, key_id, foreign_hash) on m2m.client_secret to m2m_gateway;

-- What was brought along, and when. As long as there is no row, gateways refuse ids and secrets that aren't of our form without asking.
create table m2m.client_import (
	import_id  uuid primary key,
	started_at timestamptz not null default clock_timestamp(),
	actor      text not null
);
grant select on m2m.client_import to m2m_gateway, m2m_auditor;

-- Seconds. A version that was replaced ends once it has issued no token for so long; expires_at is then its last end.
alter table m2m.client_secret add column unused_for int check (unused_for > 0);
-- Seconds from a secret's making to its end. Null: it has none by itself.
alter table m2m.organization add column secret_max_age int check (secret_max_age > 0);

-- The current version is the one that client.secret_version names; it may have an end.
drop index m2m.client_secret_current;

-- An end may be put off while it hasn't come. What has ended stays so.
create or replace function m2m.secret_end_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	if old.expires_at <= clock_timestamp() or new.expires_at is null then
		raise exception 'version % of client % has its end already', old.version, old.client_id using errcode = 'insufficient_privilege';
	end if;
	return new;
end
$$;

-- Whether a version that ends once it is unused may still be used. Until the asking transaction is over nobody can decide that it is unused: who decides locks the row
-- for update. A statement of its own, so it sees what was decided after the asking statement began. A rotation's update isn't waited for.
create function m2m.secret_is_used(client text, secret_version int) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
	perform from m2m.client_secret s where s.client_id = client collate "C" and s.version = secret_version
		and (s.expires_at is null or s.expires_at > clock_timestamp()) for key share;
	return found;
end
$$;
revoke all on function m2m.secret_is_used(text, int) from public;
grant execute on function m2m.secret_is_used(text, int) to m2m_gateway;

-- A check is read and compiled anew for every statement that writes to its table. What these say is true by the bounds of the partitions and by the one statement that
-- writes there. Where somebody reads just now it stays, since tokens would have to wait with us.
do $$
declare
	part record;
	before text := current_setting('lock_timeout');
begin
	set local lock_timeout = '200ms';
	for part in select k.conrelid::regclass as name, k.conname from pg_constraint k join pg_inherits i on i.inhrelid = k.conrelid
		where k.contype = 'c' and i.inhparent = 'm2m.token_audit'::regclass and k.conname like '%\_issued\_at\_check'
		union all select k.conrelid::regclass, k.conname from pg_constraint k where k.contype = 'c' and k.conrelid = 'm2m.used_once'::regclass
	loop
		begin
			execute format('alter table %s drop constraint %I', part.name, part.conname);
		exception when lock_not_available then
			raise notice 'constraint % of % stays', part.conname, part.name;
		end;
	end loop;
	perform set_config('lock_timeout', before, true);
end
$$;
-- ---- ends of secrets ----

alter table m2m.idempotency add column secret_expires_at timestamptz; -- of the version that the rotation made
grant update (secret_max_age) on m2m.organization to m2m_gateway;

-- The current secrets that have an end, by it: what is counted and listed of them is read here alone, and no issuing statement writes here.
create index client_secret_ending on m2m.client_secret (expires_at) where ended_at is null and expires_at is not null;

-- Bounds the live secrets of an organization whose secrets get a longest age. None ends at once: each has a week left, or a whole age
-- where that is shorter. Volatile, so that it sees what was committed while the caller waited for the organization's row: rotations
-- and creations hold that row until they are over.
create function m2m.bound_secrets(organization uuid, age int)
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
revoke all on function m2m.bound_secrets(uuid, int) from public;
grant execute on function m2m.bound_secrets(uuid, int) to m2m_gateway;
-- ---- versions that end once they are unused ----

-- When to look next whether a version is unused: one row for each version that has unused_for, until it has ended.
create table m2m.secret_unused_look (
	client_id text collate "C" not null,
	version   int not null,
	look_at   timestamptz not null,
	used_at   timestamptz, -- the last token that the looks have found
	primary key (client_id, version)
);
create index secret_unused_look_time on m2m.secret_unused_look (look_at);
grant select, insert, update, delete on m2m.secret_unused_look to m2m_gateway;
grant update (unused_for) on m2m.client_secret to m2m_gateway;
grant select (unused_for) on m2m.client_secret to m2m_auditor;

-- The last token that a version of a secret gave from `since` on; null: none. A day that was counted is in token_usage; of the days since, the client's rows are
-- looked through, `most` of them: in whole weeks, so that each row that is met counts. `complete` is false where there are more.
create function m2m.secret_last_token(client text, secret_version int, since timestamptz, most int, out last_at timestamptz, out complete boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp set timezone = 'UTC' set jit = off set enable_seqscan = off
	set plan_cache_mode = force_custom_plan -- with the time known, planning leaves out the weeks before
as $$
declare
	counted timestamptz := (select max(u.last_issued_at) from m2m.token_usage u
	                        where u.client_id = client collate "C" and u.day >= (since at time zone 'UTC')::date
	                          and u.secret_version = secret_last_token.secret_version and u.credential is null and u.last_issued_at >= since);
	uncounted timestamptz := greatest(since, (select u.until from m2m.token_usage_until u));
	rows_met bigint;
begin
	select max(t.issued_at) filter (where t.secret_version = secret_last_token.secret_version and t.credential is null and t.issued_at >= since), count(*)
	into last_at, rows_met from (
		select a.issued_at, a.secret_version, a.credential from m2m.token_audit a
		where a.client_id = client collate "C" and a.issued_at >= date_trunc('week', uncounted) limit most::bigint + 1) t;
	last_at := greatest(last_at, counted);
	complete := rows_met <= most;
end
$$;
revoke all on function m2m.secret_last_token(text, int, timestamptz, int) from public;

-- Looks at most at `versions` of those that are due, and ends the first that is unused: then it is over, since tokens of that version wait for the lock. Who runs it: `by`, over `via` ("-": a gateway by itself). Several may run at once: each takes rows that
-- nobody else has. Nobody waits here; who gets a token with such a version at this moment isn't waited for, since that is a use.
--
-- A version is looked at twice. The first look costs no lock on it. The second one comes behind the lock, which nobody has who is getting a token with it, and is a
-- statement of its own: its snapshot has every token of before.
create function m2m.end_unused_secrets(versions int, most int, by text, via "char", request uuid)
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
revoke all on function m2m.end_unused_secrets(int, int, text, "char", uuid) from public;
grant execute on function m2m.end_unused_secrets(int, int, text, "char", uuid) to m2m_gateway;

-- The replaced versions of a client that are still in their grace, the newest first, and who got tokens with each since it was replaced: fifty users at most, those
-- of last first. Of the client's tokens 20,000 are looked at, the newest first; where there are more, `counted_since` says how far back it came, else it is null.
create function m2m.secrets_in_grace(client text)
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
revoke all on function m2m.secrets_in_grace(text) from public;
grant execute on function m2m.secrets_in_grace(text) to m2m_gateway, m2m_auditor;
