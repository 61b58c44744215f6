-- The primary's side of the archive. Run it as a superuser, once, in the gateway's database, after
-- `m2mctl migrate up`; again for a new auditor's login, or when the archive has moved or has
-- another password.
--
--   psql -X -v ON_ERROR_STOP=1 -d m2m -v archive_host=citus1 -v archive_port=5432 -v
--   archive_dbname=m2m_archive -v archive_password=... -f deploy/citus/primary.sql
--
-- Archived weeks are read as m2m_archive_reader, by m2m_owner and the logins in m2m_auditor: who
-- may read every organization's rows. An organization's auditor has no way there, since conditions
-- of a query are sent ahead of row-level security, and an error in one of them would tell of
-- others' rows.

\if :{?archive_sslmode} \else \set archive_sslmode prefer \endif
set client_min_messages = warning;
create extension if not exists postgres_fdw;
select not exists (select from pg_foreign_server where srvname = 'm2m_archive') as first_time \gset
\if :first_time
create server m2m_archive foreign data wrapper postgres_fdw
	options (host :'archive_host', port :'archive_port', dbname :'archive_dbname', sslmode :'archive_sslmode', connect_timeout '2', tcp_user_timeout '3000', fetch_size '10000');
\else
alter server m2m_archive options (set host :'archive_host', set port :'archive_port', set dbname :'archive_dbname', set sslmode :'archive_sslmode');
\endif
select format('drop user mapping for %I server m2m_archive', usename) from pg_user_mappings where srvname = 'm2m_archive' \gexec
select format('create user mapping for %I server m2m_archive options (user ''m2m_archive_reader'', password %L)', rolname, :'archive_password')
	from pg_roles where rolname = 'm2m_owner' or rolcanlogin and pg_has_role(oid, 'm2m_auditor', 'member') \gexec
grant usage on foreign server m2m_archive to m2m_owner;

set role m2m_owner;

-- The weeks that lie here, have been over for so long, and are counted (`m2mctl audit count`), so
-- that no row can follow. 31 days are the least: until then a token of the week may be alive.
create or replace function m2m.audit_weeks_to_archive(older interval) returns table (week text)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
	select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid
	where i.inhparent = 'm2m.token_audit'::regclass and c.relkind = 'r' and c.relname ~ '^token_audit_p[0-9]{8}$'
	  and right(c.relname, 8)::date::timestamp at time zone 'UTC' + interval '7 days' <= now() - greatest(older, interval '31 days')
	  and right(c.relname, 8)::date::timestamp at time zone 'UTC' + interval '7 days' <= (select until from m2m.token_usage_until)
	order by 1
$$;

-- How many rows of a week belong to the archive, and a sum over all that they hold, which doesn't
-- depend on their order. deploy/citus/move asks the archive the same.
create or replace function m2m.audit_week_sum(week text, out tokens bigint, out digest numeric)
language plpgsql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
begin
	execute format('select count(*), coalesce(sum(hashtextextended(row(issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,
		client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent,
		auth_method, credential, bound_to)::text, 0)::numeric), 0)
		from m2m.%I where organization_id is not null', week) into tokens, digest;
end
$$;

-- Puts a week's place in the archive where its rows were, and lets go of them here, in one
-- transaction; refused unless they still are what the archive has. Inserting into the audit waits
-- only for the moment of the exchange, never longer than 50 ms at a time; it is tried for a minute.
create or replace function m2m.audit_week_away(week text, archived_tokens bigint, archived_digest numeric) returns void
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' set lock_timeout = '50ms' as $$
declare
	here record;
	monday timestamptz;
	away text := week || '_away';
begin
	if week !~ '^token_audit_p[0-9]{8}$' or not exists (select from pg_inherits i join pg_class c on c.oid = i.inhrelid
	                                                    where i.inhparent = 'm2m.token_audit'::regclass and c.relname = week and c.relkind = 'r') then
		raise exception '% is not a week of the audit that lies here', week;
	end if;
	monday := right(week, 8)::date::timestamp at time zone 'UTC';
	if monday + interval '38 days' > now() then
		raise exception '%: tokens of this week may still be alive', week;
	end if;
	if monday + interval '7 days' > (select until from m2m.token_usage_until) then
		raise exception '%: rows may follow until the week is counted; run: m2mctl audit count', week;
	end if;
	execute format('lock table m2m.%I in share row exclusive mode', week);
	select * into here from m2m.audit_week_sum(week);
	if here.tokens <> archived_tokens or here.digest <> archived_digest then
		raise exception '%: the archive has % rows, here are %, and they are not the same', week, archived_tokens, here.tokens;
	end if;
	execute format('create table m2m.%I (like m2m.token_audit including defaults including constraints, check (issued_at >= %L and issued_at < %L)) partition by list (organization_id)',
	               away, monday, monday + interval '7 days');
	execute format('create table m2m.%I partition of m2m.%I for values in (null)', week || '_platform', away);
	execute format('insert into m2m.%I select * from m2m.%I where organization_id is null', week || '_platform', week);
	execute format('create foreign table m2m.%I partition of m2m.%I default server m2m_archive options (schema_name ''m2m_archive'', table_name %L)',
	               week || '_archived', away, week);
	execute format('create trigger append_only_truncate before truncate on m2m.%I execute function m2m.audit_is_append_only()', away);
	execute format('create trigger append_only_truncate before truncate on m2m.%I execute function m2m.audit_is_append_only()', week || '_platform');
	for try in 1 .. 300 loop
		begin
			execute format('alter table m2m.token_audit detach partition m2m.%I', week);
			execute format('drop table m2m.%I', week);
			execute format('alter table m2m.%I rename to %I', away, week);
			execute format('alter table m2m.token_audit attach partition m2m.%I for values from (%L) to (%L)', week, monday, monday + interval '7 days');
			insert into m2m.admin_audit (action, outcome, actor, transport, detail)
				values ('archive_partition', 'granted', session_user, 'c', jsonb_build_object('partition', week, 'tokens', archived_tokens));
			return;
		exception when lock_not_available then
			perform pg_sleep(0.2);
		end;
	end loop;
	raise exception '% stays: somebody was always at the audit; try again later', week using errcode = 'lock_not_available';
end
$$;
-- As migrations/0012 has it, but that the time is known before any week is looked at: a subquery's
-- isn't, and the archive would be connected to for nothing, or in vain.
create or replace function m2m.token_usage_counted() returns timestamptz language sql stable set search_path = pg_catalog, pg_temp as $$
	select until from m2m.token_usage_until
$$;
grant execute on function m2m.token_usage_counted() to m2m_auditor, m2m_organization_auditor;
create or replace view m2m.token_usage_to_now with (security_invoker = true) as
	select day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at, auth_method from m2m.token_usage
	union all
	select (issued_at at time zone 'UTC')::date, organization_id, client_id, secret_version, kid, count(*), min(issued_at), max(issued_at),
	       auth_method
	from m2m.token_audit where issued_at >= m2m.token_usage_counted()
	group by 1, 2, 3, 4, 5, 9;

revoke all on function m2m.token_usage_counted(), m2m.audit_weeks_to_archive(interval), m2m.audit_week_sum(text), m2m.audit_week_away(text, bigint, numeric) from public;
reset role;
