-- Credentials of clients besides their secrets: public keys, whose private halves sign what the client shows instead of a
-- secret (private_key_jwt, RFC 7523).
set local role m2m_owner;

-- Which kinds of credentials a client may show. Null: its secret alone.
alter table m2m.client add column auth_methods text[];
alter table m2m.client add constraint client_auth_methods check (auth_methods is null or (auth_methods <@ '{secret,key}'::text[]
	and cardinality(auth_methods) between 1 and 2 and array_ndims(auth_methods) = 1 and array_position(auth_methods, null) is null)) not valid;

-- One row for each time that a credential was added; a removed one stays, ended.
create table m2m.client_credential (
	client_id     text collate "C" not null references m2m.client,
	credential_id text collate "C" not null check (credential_id <> '' and length(credential_id) <= 200), -- of a key: its RFC 7638 thumbprint
	kind          text not null check (kind in ('key')),
	name          text not null default '' check (length(name) <= 200),
	tag           bytea not null default substr(uuid_send(gen_random_uuid()), 1, 6), -- tokens carry it: tells it from the next time
	public_jwk    text check (octet_length(public_jwk) <= 4096),
	created_at    timestamptz not null default clock_timestamp(),
	expires_at    timestamptz check (isfinite(expires_at)), -- null: it has no end of its own
	ended_at      timestamptz, -- when it was removed
	check (kind <> 'key' or public_jwk is not null)
);
create unique index client_credential_present on m2m.client_credential (client_id, credential_id) where ended_at is null;
create index client_credential_all on m2m.client_credential (client_id, credential_id, created_at);

-- What was removed stays removed: whoever holds the gateway's login can't bring it back, nor change what it is.
create function m2m.credential_end_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'credential % of client % was removed already', old.credential_id, old.client_id using errcode = 'insufficient_privilege';
end
$$;
create trigger credential_end_is_final before update on m2m.client_credential for each row
	when (old.ended_at is not null) execute function m2m.credential_end_is_final();

-- How many keys the client has, and whether this is one of them. A function, since its query sees what others committed
-- after the statement that calls it had begun: once that statement holds the client's row, nobody adds another.
create function m2m.client_keys_now(client text, credential text, out keys bigint, out present boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
	select count(*), coalesce(bool_or(k.credential_id = credential collate "C"), false) into keys, present
	from m2m.client_credential k where k.client_id = client collate "C" and k.ended_at is null and k.kind = 'key';
end
$$;
revoke all on function m2m.client_keys_now(text, text) from public;

-- What may be shown once. Entries lie in 32 slots, one for each hour in which they expire, and a slot comes round again after
-- 32 hours: the longest that an assertion may be good is a day. No table is made or dropped while the gateways run.
create table m2m.used_once (
	slot       smallint not null check (slot between 0 and 31), -- hours since 1970 at its expiry, modulo 32
	hash       bytea not null check (octet_length(hash) = 16),
	expires_at timestamptz not null
) partition by list (slot);
create unique index used_once_hash on m2m.used_once (hash, slot);
do $$
begin
	for n in 0..31 loop
		execute format('create table m2m.used_once_%s partition of m2m.used_once for values in (%s)', to_char(n, 'FM00'), n);
	end loop;
end
$$;

-- Empties the slots whose hour has been over for one hour at least, and whose turn comes in 24 hours at the earliest: what was in
-- them is refused for its age. A slot that somebody reads in this moment waits for the next time. Answers how many it emptied.
create function m2m.used_once_forget() returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '50ms' as $$
declare
	this_hour bigint := floor(extract(epoch from clock_timestamp()) / 3600);
	part text;
	filled boolean;
	emptied int := 0;
begin
	if not pg_try_advisory_xact_lock(hashtext('m2m.used_once_forget')) then
		return 0; -- another gateway is at it
	end if;
	for hour in this_hour - 7 .. this_hour - 2 loop
		part := 'used_once_' || to_char(mod(hour, 32), 'FM00');
		execute format('select exists (select from m2m.%I)', part) into filled;
		if filled then
			begin
				execute format('truncate m2m.%I', part);
				emptied := emptied + 1;
			exception when lock_not_available then
				null;
			end;
		end if;
	end loop;
	return emptied;
end
$$;
revoke all on function m2m.used_once_forget() from public;

grant select, insert, update (ended_at) on m2m.client_credential to m2m_gateway;
grant insert, select on m2m.used_once to m2m_gateway;
grant execute on function m2m.used_once_forget(), m2m.client_keys_now(text, text) to m2m_gateway;
grant update (auth_methods) on m2m.client to m2m_gateway;
grant select on m2m.client_credential to m2m_auditor;

-- Each credential besides the secrets: since when, until when, and by whom it was added and removed is in admin_audit.
create view m2m.client_credentials with (security_invoker = true) as
	select k.client_id, o.slug as organization, c.organization_id, k.credential_id, k.kind, k.name, k.created_at, k.expires_at, k.ended_at,
	       k.ended_at is null and (k.expires_at is null or k.expires_at > now()) as live
	from m2m.client_credential k join m2m.client c using (client_id) join m2m.organization o using (organization_id);
grant select on m2m.client_credentials to m2m_auditor;
