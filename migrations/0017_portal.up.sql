-- Portal links and sessions: how a customer's admin comes to the pages. Of codes and tokens there are hashes alone (SHA-256 of 256 random bits).
set local role m2m_owner;

create table m2m.portal_link (
	link_id         uuid primary key,
	code_hash       bytea not null unique check (octet_length(code_hash) = 32),
	organization_id uuid not null,
	actor           text not null,
	may             text[] not null check (may <@ '{read,reveal,rotate,clients,audit}' and 'read' = any (may)),
	return_url      text,
	made_by         text not null,
	made_at         timestamptz not null default clock_timestamp(),
	expires_at      timestamptz not null,
	used_at         timestamptz,
	check (expires_at <= made_at + interval '5 minutes')
);
create index portal_link_expiry on m2m.portal_link (expires_at);

create table m2m.portal_session (
	session_id      uuid primary key,
	token_hash      bytea not null unique check (octet_length(token_hash) = 32),
	link_id         uuid not null unique,
	organization_id uuid not null,
	actor           text not null,
	may             text[] not null,
	return_url      text,
	made_at         timestamptz not null default clock_timestamp(),
	last_used_at    timestamptz not null default clock_timestamp(),
	expires_at      timestamptz not null,
	ended_at        timestamptz,
	check (expires_at <= made_at + interval '1 day')
);
create index portal_session_organization on m2m.portal_session (organization_id, made_at);
create index portal_session_expiry on m2m.portal_session (expires_at);

-- Whoever holds the gateway's login can't use a link again, nor bring a session back, nor give it more time.
create function m2m.portal_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'a portal link that was used, and a portal session that has ended, stay so' using errcode = 'insufficient_privilege';
end
$$;
revoke all on function m2m.portal_is_final() from public;
create trigger portal_is_final before update on m2m.portal_link for each row
	when (old.used_at is not null) execute function m2m.portal_is_final();
create trigger portal_is_final before update on m2m.portal_session for each row
	when (old.ended_at is not null or new.last_used_at < old.last_used_at) execute function m2m.portal_is_final();

-- They leave a week after they could be used last.
alter table m2m.portal_link enable row level security;
create policy gateway_reads on m2m.portal_link for select to m2m_gateway using (true);
create policy gateway_writes on m2m.portal_link for insert to m2m_gateway with check (used_at is null);
create policy gateway_changes on m2m.portal_link for update to m2m_gateway using (true) with check (true);
create policy gateway_forgets on m2m.portal_link for delete to m2m_gateway using (expires_at < statement_timestamp() - interval '7 days');
create policy auditor_reads on m2m.portal_link for select to m2m_auditor using (true);
alter table m2m.portal_session enable row level security;
create policy gateway_reads on m2m.portal_session for select to m2m_gateway using (true);
create policy gateway_writes on m2m.portal_session for insert to m2m_gateway with check (ended_at is null);
create policy gateway_changes on m2m.portal_session for update to m2m_gateway using (true) with check (true);
create policy gateway_forgets on m2m.portal_session for delete to m2m_gateway using (expires_at < statement_timestamp() - interval '7 days');
create policy auditor_reads on m2m.portal_session for select to m2m_auditor using (true);

grant select, insert, delete, update (used_at) on m2m.portal_link to m2m_gateway;
grant select, insert, delete, update (last_used_at, ended_at) on m2m.portal_session to m2m_gateway;
grant select (link_id, organization_id, actor, may, return_url, made_by, made_at, expires_at, used_at) on m2m.portal_link to m2m_auditor;
grant select (session_id, link_id, organization_id, actor, may, return_url, made_at, last_used_at, expires_at, ended_at) on m2m.portal_session to m2m_auditor;
