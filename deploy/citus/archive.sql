-- The archive: where weeks of the audit go that are over. Run it as a superuser, once, in a
-- database of its own on the coordinator of a Citus cluster whose workers are added
-- (citus_add_node); again after a change of this file, and before `m2mctl migrate up` adds its
-- columns to the primary. Roles must reach the workers too: with
-- passwords, pg_dist_authinfo or a .pgpass on the coordinator.
--
--   psql -X -v ON_ERROR_STOP=1 -d m2m_archive -f deploy/citus/archive.sql
--
-- Two logins: m2m_archivist, whom deploy/citus/move writes as, and m2m_archive_reader, whom the
-- primary reads as.

do $$
declare
	role_name text;
begin
	foreach role_name in array array['m2m_archivist', 'm2m_archive_reader'] loop
		if not exists (select from pg_roles where rolname = role_name) then
			execute format('create role %I login', role_name);
		end if;
	end loop;
	if to_regnamespace('m2m_archive') is null then
		create schema m2m_archive authorization m2m_archivist;
	end if;
end
$$;

set role m2m_archivist;
grant usage on schema m2m_archive to m2m_archive_reader;

-- An empty table for the rows of one week, with the columns of the primary's m2m.token_audit. Where
-- there is Citus its rows are spread over the workers by organization, and all weeks' rows of one
-- organization lie on the same worker. Platform tokens have no organization; their rows stay on the
-- primary.
create or replace function m2m_archive.week_begin(week text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	execute format('create table m2m_archive.%I (
		issued_at       timestamptz not null,
		expires_at      timestamptz not null,
		jti             uuid not null,
		organization_id uuid not null,
		request_id      uuid not null,
		batch_id        uuid not null,
		secret_version  int,
		transport       "char" not null,
		client_id       text collate "C",
		kid             text not null,
		caller          text not null,
		scope           text not null,
		audience        text not null,
		remote_addr     inet,
		user_agent      text,
		traceparent     text,
		auth_method     "char",
		credential      text,
		bound_to        text)', week);
	execute format('create index on m2m_archive.%I using brin (issued_at, jti)', week);
	execute format('create index on m2m_archive.%I using brin (expires_at)', week);
	execute format('create index on m2m_archive.%I (client_id)', week);
	if exists (select from pg_extension where extname = 'citus') then
		execute format('select create_distributed_table(%L, %L)', format('m2m_archive.%I', week), 'organization_id');
	end if;
end
$$;

-- The week is whole from now on. Fails when there is one of that name already: what is there is
-- never replaced.
create or replace function m2m_archive.week_end(week text, name text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	execute format('grant select on m2m_archive.%I to m2m_archive_reader', week);
	execute format('alter table m2m_archive.%I rename to %I', week, name);
end
$$;
-- Weeks that came here before a column was added get it too: it is null in their rows.
do $$
declare
	week text;
begin
	for week in select tablename from pg_tables where schemaname = 'm2m_archive' and tablename ~ '^token_audit_p[0-9]{8}$' loop
		execute format('alter table m2m_archive.%I add column if not exists auth_method "char",
			add column if not exists credential text, add column if not exists bound_to text', week);
	end loop;
end
$$;
revoke all on function m2m_archive.week_begin(text), m2m_archive.week_end(text, text) from public;
reset role;
