-- Organizations that move from one installation to another.
set local role m2m_owner;

-- What this installation calls itself: so two databases are told apart.
create table m2m.installation (
	only_one        boolean primary key default true check (only_one),
	installation_id uuid not null default gen_random_uuid()
);
insert into m2m.installation default values;

-- frozen: it is being copied to another installation, and nothing of it changes. moved: it is there, at moved_to. arriving: it is being copied to this
-- one. Null: it lives here. All three refuse what the organization's clients and bearers ask for; only `moved` does so for good.
alter table m2m.organization add column moving text, add column moved_to text;
alter table m2m.organization add constraint organization_moving check (moving in ('frozen', 'moved', 'arriving')) not valid;
alter table m2m.organization add constraint organization_moved_to check ((coalesce(moving, '') = 'moved') = (moved_to is not null)) not valid;

-- As before (0011), and those that move.
create index organization_marked on m2m.organization (organization_id)
	where disabled_at is not null or allowed_networks is not null or moving is not null;
drop index m2m.organization_limited;
create index organization_moving on m2m.organization (organization_id) where moving is not null;

-- Each move, at both ends: what m2mctl goes on from when it was ended half-way.
create table m2m.organization_move (
	move_id         uuid primary key,
	direction       text not null check (direction in ('out', 'in')),
	organization_id uuid not null,
	peer_id         uuid not null, -- the other's installation_id
	peer            text not null, -- where the other one is, for people
	url             text not null, -- what clients are told
	state           text not null, -- out: copying, frozen, moved, backed_out; in: arriving, open, backed_out
	returned_to     text,          -- in, of an organization that comes back: what moved_to said before
	actor           text not null,
	digest          bytea,         -- SHA-256 of what was copied
	started_at      timestamptz not null default clock_timestamp(),
	frozen_at       timestamptz,
	ended_at        timestamptz,
	check (state in ('backed_out') or direction = 'out' and state in ('copying', 'frozen', 'moved') or direction = 'in' and state in ('arriving', 'open'))
);
create unique index organization_move_under_way on m2m.organization_move (organization_id) where state in ('copying', 'frozen', 'arriving');
create index organization_move_organization on m2m.organization_move (organization_id, started_at);

-- ---- nothing of an organization that moves is changed here ----

-- Whether it is m2mctl's move that writes: the owner, in a transaction that says so.
create function m2m.is_the_move(of_table oid) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
	select coalesce(current_setting('m2m.org_move', true), '') = 'on'
	   and current_user = (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = of_table)
$$;

create function m2m.refuse_for_move(moving text, organization uuid) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	if moving = 'moved' then
		raise exception 'organization % has moved to another installation', organization using errcode = 'M2M02';
	end if;
	raise exception 'organization % is moving to another installation', organization using errcode = 'M2M01';
end
$$;

create function m2m.organization_stays() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	if not m2m.is_the_move(tg_relid) then
		perform m2m.refuse_for_move(coalesce(old.moving, new.moving), old.organization_id);
	end if;
	return new;
end
$$;
create trigger organization_stays before update on m2m.organization for each row
	when (old.moving is not null or new.moving is not null) execute function m2m.organization_stays();

-- Statements that were written before this one may not ask; what they change is looked at when they are over. Then a statement that
-- began before the organization was frozen is waited for, and one that began later is refused here. `changed`: the rows.
create function m2m.nothing_of_a_move_changes() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
	found_one record;
begin
	if not exists (select from m2m.organization o where o.moving is not null) or m2m.is_the_move(tg_relid) then
		return null;
	end if;
	if tg_argv[0] = 'organization_id' then
		select o.moving, o.organization_id into found_one from changed n join m2m.organization o on o.organization_id = n.organization_id
			where o.moving is not null limit 1;
	else
		select o.moving, o.organization_id into found_one from changed n join m2m.client c on c.client_id = n.client_id
			join m2m.organization o on o.organization_id = c.organization_id where o.moving is not null limit 1;
	end if;
	if found then
		perform m2m.refuse_for_move(found_one.moving, found_one.organization_id);
	end if;
	return null;
end
$$;
revoke all on function m2m.is_the_move(oid), m2m.refuse_for_move(text, uuid), m2m.organization_stays(), m2m.nothing_of_a_move_changes() from public;
grant execute on function m2m.is_the_move(oid), m2m.refuse_for_move(text, uuid) to m2m_gateway;

create trigger move_insert after insert on m2m.client referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('organization_id');
create trigger move_update after update on m2m.client referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('organization_id');
create trigger move_delete after delete on m2m.client referencing old table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('organization_id');
create trigger move_insert after insert on m2m.client_secret referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('client_id');
create trigger move_update after update on m2m.client_secret referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('client_id');
create trigger move_delete after delete on m2m.client_secret referencing old table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('client_id');
create trigger move_insert after insert on m2m.client_credential referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('client_id');
create trigger move_update after update on m2m.client_credential referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('client_id');
create trigger move_delete after delete on m2m.client_credential referencing old table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('client_id');
-- What is deleted from these has expired.
create trigger move_insert after insert on m2m.revoked_token referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('organization_id');
create trigger move_insert after insert on m2m.tokens_ended referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('organization_id');
create trigger move_update after update on m2m.tokens_ended referencing new table as changed
	for each statement execute function m2m.nothing_of_a_move_changes('organization_id');

-- ---- the last use, of before the move ----

-- The audit stays where tokens were issued. What the source said of each credential's last use comes along.
create table m2m.credential_use_before (
	client_id     text collate "C" not null,
	kind          text not null,
	credential_id text collate "C" not null,
	last_used_at  timestamptz not null,
	remote_addr   text,
	user_agent    text,
	primary key (client_id, kind, credential_id)
);

alter function m2m.credentials_last_used(text) rename to credentials_last_used_here;
revoke all on function m2m.credentials_last_used_here(text) from public;
create function m2m.credentials_last_used(client text)
returns table (kind text, credential_id text, secret_version int, last_used_at timestamptz, remote_addr text, user_agent text,
               unknown_until timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
	return query
		select u.kind, u.credential_id, u.secret_version, case when b.newer then b.last_used_at else u.last_used_at end,
		       case when b.newer then b.remote_addr else u.remote_addr end, case when b.newer then b.user_agent else u.user_agent end,
		       u.unknown_until
		from m2m.credentials_last_used_here(client) u
		left join lateral (select p.*, coalesce(p.last_used_at > u.last_used_at, true) as newer from m2m.credential_use_before p
		                   where p.client_id = client collate "C" and p.kind = u.kind and p.credential_id = u.credential_id) b on true;
end
$$;
revoke all on function m2m.credentials_last_used(text) from public;
grant execute on function m2m.credentials_last_used(text) to m2m_gateway, m2m_auditor;

create or replace view m2m.credential_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, u.kind, u.credential_id, u.secret_version, u.last_used_at,
	       u.remote_addr, u.user_agent, u.unknown_until
	from m2m.client c join m2m.organization o using (organization_id) cross join lateral m2m.credentials_last_used(c.client_id) u
	where c.deleted_at is null;

grant select on m2m.organization_move, m2m.installation, m2m.credential_use_before to m2m_auditor;
