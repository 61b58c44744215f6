-- Signing keys that rotate, clients with a token type of their own, and what the operator's API needs: deletion that leaves the audit
-- whole, and a gateway that may make and change organizations and clients (never the audit, never a schema).

set local role m2m_owner;

-- What holds of each signing key at this moment. The stored state says what the operator last asked for; time does the rest: a key is `next` until
-- active_from, `active` until a younger one takes over, then `retired`, and stays published until the last token that it can have signed has expired
-- (a client's longest lifetime is 30 days).
create view m2m.signing_keys with (security_invoker = true) as
	select k.kid, k.alg,
	       case when k.state = 'revoked' then 'revoked' when c.kid is not null then 'active'
	            when r.retired_at <= statement_timestamp() then 'retired' when k.active_from > statement_timestamp() then 'next'
	            else 'active' end as state,
	       c.kid is not null as current, k.created_at, k.active_from, k.revoked_at,
	       case when c.kid is null then r.retired_at end as retired_at,
	       case when k.state = 'revoked' then k.revoked_at when c.kid is null then r.retired_at + interval '30 days' end as published_until
	from m2m.signing_key k
	left join m2m.signing_key_current c on c.kid = k.kid
	left join lateral (
		-- the first younger key that came to sign
		select least(k.retired_at, min(n.active_from)) as retired_at from m2m.signing_key n
		where (n.active_from, n.kid) > (k.active_from, k.kid) and n.active_from <= statement_timestamp()
		  and n.active_from < coalesce(least(n.retired_at, n.revoked_at), 'infinity')
		  and k.active_from <= statement_timestamp()) r on true;
comment on column m2m.signing_key.state is 'what the operator last asked for; m2m.signing_keys says what holds now';

alter table m2m.signing_key add constraint signing_key_states_have_times check
	((state <> 'retired' or retired_at is not null) and (state <> 'revoked' or revoked_at is not null)) not valid;

-- `JWT` or RFC 9068's `at+jwt`; null: as the gateway's setting says.
alter table m2m.client add column token_type text check (token_type in ('JWT', 'at+jwt'));
-- The platform's role stands above organizations; no client of one may have it.
alter table m2m.client add constraint client_is_no_platform check (array_position(roles, 'platform') is null);

-- Deleted rows stay, for whoever reads the audit; their ids are never used again, their names may be.
alter table m2m.organization add column deleted_at timestamptz, add check (deleted_at is null or disabled_at is not null);
alter table m2m.client add column deleted_at timestamptz, add check (deleted_at is null or disabled_at is not null);
alter table m2m.organization drop constraint organization_slug_key, drop constraint organization_issuer_external_id_key;
create unique index organization_slug on m2m.organization (slug) where deleted_at is null;
create unique index organization_external_id on m2m.organization (issuer, external_id) where deleted_at is null;

-- One default client for each organization, looked at when a statement ends, so that one statement can hand it over.
drop index m2m.client_default;
alter table m2m.client add constraint client_default exclude using btree (organization_id with =) where (is_default) deferrable initially immediate;

create function m2m.deletion_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'what was deleted stays deleted' using errcode = 'insufficient_privilege';
end
$$;
create trigger deletion_is_final before update on m2m.organization for each row
	when (old.deleted_at is not null) execute function m2m.deletion_is_final();
create trigger deletion_is_final before update on m2m.client for each row
	when (old.deleted_at is not null) execute function m2m.deletion_is_final();

-- A platform token belongs to no organization.
alter table m2m.token_audit alter column organization_id drop not null;

grant select on m2m.signing_keys to m2m_gateway, m2m_auditor;
grant insert on m2m.organization, m2m.client to m2m_gateway;
grant update (name, issuer, external_id, disabled_at, deleted_at) on m2m.organization to m2m_gateway;
grant update (is_default, name, roles, scopes, audiences, token_lifetime, token_type, disabled_at, deleted_at) on m2m.client to m2m_gateway;
create policy gateway_makes on m2m.organization for insert to m2m_gateway with check (true);
create policy gateway_changes on m2m.organization for update to m2m_gateway using (true) with check (true);
