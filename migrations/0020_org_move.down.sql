set local role m2m_owner;
do $$
begin
	if exists (select from m2m.organization where moving is not null) then
		raise exception 'an organization is moving, or has moved: what is known of it would be lost';
	end if;
end
$$;
drop function m2m.credentials_last_used(text) cascade;
alter function m2m.credentials_last_used_here(text) rename to credentials_last_used;
grant execute on function m2m.credentials_last_used(text) to m2m_gateway, m2m_auditor;
create view m2m.credential_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, u.kind, u.credential_id, u.secret_version, u.last_used_at,
	       u.remote_addr, u.user_agent, u.unknown_until
	from m2m.client c join m2m.organization o using (organization_id) cross join lateral m2m.credentials_last_used(c.client_id) u
	where c.deleted_at is null;
grant select on m2m.credential_last_use to m2m_auditor;
drop table m2m.credential_use_before;
drop trigger move_insert on m2m.client;
drop trigger move_update on m2m.client;
drop trigger move_delete on m2m.client;
drop trigger move_insert on m2m.client_secret;
drop trigger move_update on m2m.client_secret;
drop trigger move_delete on m2m.client_secret;
drop trigger move_insert on m2m.client_credential;
drop trigger move_update on m2m.client_credential;
drop trigger move_delete on m2m.client_credential;
drop trigger move_insert on m2m.revoked_token;
drop trigger move_insert on m2m.tokens_ended;
drop trigger move_update on m2m.tokens_ended;
drop trigger organization_stays on m2m.organization;
drop function m2m.nothing_of_a_move_changes();
drop function m2m.organization_stays();
drop function m2m.refuse_for_move(text, uuid);
drop function m2m.is_the_move(oid);
drop table m2m.organization_move;
create index organization_limited on m2m.organization (organization_id) where disabled_at is not null or allowed_networks is not null;
drop index m2m.organization_marked;
drop index m2m.organization_moving;
alter table m2m.organization drop column moving, drop column moved_to;
drop table m2m.installation;
