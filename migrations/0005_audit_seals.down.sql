-- Takes the seals away: what is recorded stays, and can't be proven any more.

set local role m2m_owner;

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

create or replace function m2m.audit_drop_partition(part text) returns boolean
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

drop function m2m.audit_partition_make(text, timestamptz);
drop table m2m.audit_seal;
drop table m2m.audit_seal_since;
drop table m2m.audit_key;
