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
