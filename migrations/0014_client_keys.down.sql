set local role m2m_owner;

do $$
begin
	if exists (select from m2m.client_credential where ended_at is null) then
		raise exception 'clients have keys, which an older gateway doesn''t take: remove them first (m2mctl client key remove)';
	end if;
	if exists (select from m2m.client where not 'secret' = any (auth_methods) and deleted_at is null) then
		raise exception 'clients may not use their secret, which an older gateway would take: see client.auth_methods';
	end if;
end
$$;

drop view m2m.client_credentials;
drop function m2m.used_once_forget();
drop function m2m.client_keys_now(text, text);
drop table m2m.used_once;
drop table m2m.client_credential;
drop function m2m.credential_end_is_final();
alter table m2m.client drop column auth_methods;
