-- Tamper evidence: what was recorded is sealed, so that a row which is changed, removed or added later shows, whoever did it.

set local role m2m_owner;

-- The public halves of the keys that seals are signed with (derived from the master keys). Whoever doubts this database keeps a copy of his own.
create table m2m.audit_key (
	kid        text collate "C" primary key,
	public_jwk text not null,
	created_at timestamptz not null default clock_timestamp()
);

-- A seal travels in the statement that writes the next batch of token_audit, or alone when there is none. Each writer (one connection of a gateway, for as long as it
-- knows what became of all it sent; one run of m2mctl) numbers its seals; each names the one before by its hash, the batch it travels with, and the batch before by the
-- root of its rows. So all but the last batch of a writer is sealed, and that one is named. No constraints: what doesn't fit shows when it is verified, and a batch pays for each.
create table m2m.audit_seal (
	at              timestamptz not null, -- statement_timestamp(), and with it issued_at of the batch it travels with
	writer          uuid not null,
	seq             bigint not null, -- from 1
	previous        bytea not null, -- SHA-256 of the seal before, as it was signed; zeros: none
	previous_at     timestamptz,           -- its time, and with it issued_at of the batch that is sealed here; null: neither is there
	batch_id        uuid,                  -- of the rows that are written with this seal; null: none
	sealed_batch_id uuid,                  -- of the rows that are sealed by it; null: none
	root            bytea not null, -- their Merkle tree's (RFC 9162 section 2.1), in the order of jti
	tags            bytea not null, -- 8 bytes for each, to name what differs: the jti's last four and its leaf's first four
	last            boolean not null,      -- the writer has ended in order
	kid             text collate "C" not null,
	signature       bytea not null -- ES256 (RFC 7518 section 3.4) of the SHA-256 of all from `previous` to `tags`
) partition by range (at);
-- Signatures and hashes don't get smaller by compressing.
alter table m2m.audit_seal alter tags set storage external, alter root set storage external, alter previous set storage external,
	alter signature set storage external;
create index audit_seal_time on m2m.audit_seal using brin (at, previous_at);
create table m2m.audit_seal_default partition of m2m.audit_seal default;

-- Tokens recorded before this moment have no seals.
create table m2m.audit_seal_since (
	only_row boolean primary key default true check (only_row),
	since    timestamptz not null
);
insert into m2m.audit_seal_since (since) values (clock_timestamp());

create trigger append_only before update or delete on m2m.audit_seal for each row execute function m2m.audit_is_append_only();
create trigger append_only_truncate before truncate on m2m.audit_seal execute function m2m.audit_is_append_only();
create trigger append_only_truncate before truncate on m2m.audit_seal_default execute function m2m.audit_is_append_only();
create trigger append_only before update or delete on m2m.audit_key for each row execute function m2m.audit_is_append_only();
create trigger append_only_truncate before truncate on m2m.audit_key execute function m2m.audit_is_append_only();

-- One week of one of the two tables; true when it was made now.
create function m2m.audit_partition_make(parent text, week timestamptz) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
	part text := parent || '_p' || to_char(week, 'YYYYMMDD');
begin
	if to_regclass('m2m.' || part) is not null then
		return false;
	end if;
	-- A whole seal on its page: it is written once and hardly ever read. (A row of token_audit never gets that large.)
	execute format('create table m2m.%I (like m2m.%I including all) with (toast_tuple_target = 8160)', part, parent);
	execute format('create trigger append_only_truncate before truncate on m2m.%I execute function m2m.audit_is_append_only()', part);
	execute format('alter table m2m.%I attach partition m2m.%I for values from (%L) to (%L)', parent, part, week, week + interval '7 days');
	return true;
exception when check_violation then
	raise warning 'partition % not made: %_default holds rows of its range', part, parent;
	return false;
end
$$;
revoke all on function m2m.audit_partition_make(text, timestamptz) from public;

-- As before, for the seals too.
create or replace function m2m.audit_partitions_ahead(days int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' set timezone = 'UTC' as $$
declare
	week timestamptz := date_trunc('week', clock_timestamp());
	made int := 0;
begin
	if days not between 0 and 400 then
		raise exception 'days must be between 0 and 400';
	end if;
	if not pg_try_advisory_xact_lock(hashtext('m2m.audit_partitions_ahead')) then
		return 0; -- another gateway is at it
	end if;
	while week <= clock_timestamp() + make_interval(days => days) loop
		made := made + m2m.audit_partition_make('token_audit', week)::int;
		perform m2m.audit_partition_make('audit_seal', week);
		week := week + interval '7 days';
	end loop;
	return made;
end
$$;
select m2m.audit_partitions_ahead(28);

-- As before; the seals that were written with the week's tokens go with them.
create or replace function m2m.audit_drop_partition(part text) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
	found_part regclass := to_regclass(format('m2m.%I', part));
	seals text := replace(part, 'token_audit_', 'audit_seal_');
begin
	if found_part is null or not exists (select from pg_inherits where inhrelid = found_part and inhparent = 'm2m.token_audit'::regclass) then
		return false;
	end if;
	if part !~ '^token_audit_p[0-9]{8}$' then
		raise exception '% is not a week of the audit', part;
	end if;
	execute format('alter table m2m.token_audit detach partition m2m.%I', part);
	if to_regclass(format('m2m.%I', seals)) is not null then
		execute format('alter table m2m.audit_seal detach partition m2m.%I', seals);
		execute format('drop table m2m.%I', seals);
	end if;
	execute format('drop table m2m.%I', part);
	return true;
end
$$;

grant insert on m2m.audit_seal, m2m.audit_key to m2m_gateway;
grant select on m2m.audit_seal, m2m.audit_key, m2m.audit_seal_since to m2m_auditor;
