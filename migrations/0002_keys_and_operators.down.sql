-- Refused while anything depends on what this migration brought: a deleted organization's name may have been given again, a client's token type would be forgotten, and a
-- platform token has no organization.
set local role m2m_owner;

do $$
begin
	if exists (select from m2m.organization where deleted_at is not null) or exists (select from m2m.client where deleted_at is not null) then
		raise exception 'organizations or clients were deleted under this schema; the older one can''t tell them from the others';
	end if;
	if exists (select from m2m.client where token_type is not null) then
		raise exception 'clients have a token type of their own, which the older schema can''t keep; `m2mctl client set CLIENT_ID --token-type default` takes it from them';
	end if;
	if exists (select from m2m.token_audit where organization_id is null) then
		raise exception 'platform tokens were issued under this schema; the older one has no place for their rows';
	end if;
end
$$;

drop policy gateway_changes on m2m.organization;
drop policy gateway_makes on m2m.organization;
revoke update (is_default, name, roles, scopes, audiences, token_lifetime, token_type, disabled_at, deleted_at) on m2m.client from m2m_gateway;
revoke update (name, issuer, external_id, disabled_at, deleted_at) on m2m.organization from m2m_gateway;
revoke insert on m2m.organization, m2m.client from m2m_gateway;

alter table m2m.token_audit alter column organization_id set not null;
drop trigger deletion_is_final on m2m.client;
drop trigger deletion_is_final on m2m.organization;
drop function m2m.deletion_is_final();
drop index m2m.organization_external_id;
drop index m2m.organization_slug;
alter table m2m.organization add constraint organization_slug_key unique (slug),
	add constraint organization_issuer_external_id_key unique (issuer, external_id);
alter table m2m.client drop constraint client_default;
create unique index client_default on m2m.client (organization_id) where is_default;
alter table m2m.client drop column deleted_at, drop constraint client_is_no_platform, drop column token_type;
alter table m2m.organization drop column deleted_at;
alter table m2m.signing_key drop constraint signing_key_states_have_times;
comment on column m2m.signing_key.state is null;
drop view m2m.signing_keys;
