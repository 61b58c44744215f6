-- Rows of the audit stay as they were written, for everybody but their owner; they leave a whole week at a time, when the owner says so.

set local role m2m_owner;

-- Grants keep the gateway and the auditors out; this also stops a superuser and a login that was granted too much. Whoever means it becomes m2m_owner first.
create function m2m.audit_is_append_only() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	if current_user <> (select pg_get_userbyid(c.relowner) from pg_class c where c.oid = tg_relid) then
		raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege',
			hint = 'Old rows leave with their partition: m2mctl audit partitions --keep.';
	end if;
	if tg_op = 'UPDATE' then
		return new;
	end if;
	return old;
end
$$;

-- Partitions take over the triggers for rows, those to come too. One for TRUNCATE is each table's own.
create trigger append_only before update or delete on m2m.token_audit for each row execute function m2m.audit_is_append_only();
create trigger append_only before update or delete on m2m.admin_audit for each row execute function m2m.audit_is_append_only();
create trigger append_only before update or delete on m2m.denied_audit for each row execute function m2m.audit_is_append_only();
create trigger append_only_truncate before truncate on m2m.token_audit execute function m2m.audit_is_append_only();
create trigger append_only_truncate before truncate on m2m.admin_audit execute function m2m.audit_is_append_only();
create trigger append_only_truncate before truncate on m2m.denied_audit execute function m2m.audit_is_append_only();
do $$
declare
	part regclass;
begin
	for part in select inhrelid from pg_inherits where inhparent = 'm2m.token_audit'::regclass loop
		execute format('create trigger append_only_truncate before truncate on %s execute function m2m.audit_is_append_only()', part);
	end loop;
end
$$;

-- As before, and with the trigger that a new partition needs of its own.
create or replace function m2m.audit_partitions_ahead(days int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' set timezone = 'UTC' as $$
declare
	week timestamptz := date_trunc('week', clock_timestamp());
	part text;
	made int := 0;
begin
	if days not between 0 and 400 then
		raise exception 'days must be between 0 and 400';
	end if;
	if not pg_try_advisory_xact_lock(hashtext('m2m.audit_partitions_ahead')) then
		return 0; -- another gateway is at it
	end if;
	while week <= clock_timestamp() + make_interval(days => days) loop
		part := 'token_audit_p' || to_char(week, 'YYYYMMDD');
		if to_regclass('m2m.' || part) is null then
			begin
				execute format('create table m2m.%I (like m2m.token_audit including all, check (issued_at >= %L and issued_at < %L))',
				               part, week, week + interval '7 days');
				execute format('create trigger append_only_truncate before truncate on m2m.%I execute function m2m.audit_is_append_only()', part);
				execute format('alter table m2m.token_audit attach partition m2m.%I for values from (%L) to (%L)',
				               part, week, week + interval '7 days');
				made := made + 1;
			exception when check_violation then
				raise warning 'partition % not made: token_audit_default holds rows of its range', part;
			end;
		end if;
		week := week + interval '7 days';
	end loop;
	return made;
end
$$;

-- Takes one week out of the audit for good; false when there is none of that name (any more). DETACH wants the whole audit for itself for a moment, and tokens
-- wait for it meanwhile: hence never longer than lock_timeout at a time, and whoever calls tries again. CONCURRENTLY is not possible beside a default partition.
create function m2m.audit_drop_partition(part text) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
	found_part regclass := to_regclass(format('m2m.%I', part));
begin
	if found_part is null or not exists (select from pg_inherits where inhrelid = found_part and inhparent = 'm2m.token_audit'::regclass) then
		return false;
	end if;
	if part !~ '^token_audit_p[0-9]{8}$' then
		raise exception '% is not a week of the audit', part;
	end if;
	execute format('alter table m2m.token_audit detach partition m2m.%I', part);
	execute format('drop table m2m.%I', part);
	return true;
end
$$;
revoke all on function m2m.audit_drop_partition(text) from public;
