set local role m2m_owner;

do $$
begin
	if exists (select from m2m.revoked_token where expires_at > statement_timestamp())
	   or exists (select from m2m.tokens_ended where expires_at > statement_timestamp()) then
		raise exception 'tokens that haven''t expired were revoked, and the older schema would take them for good; revoke the signing key with `m2mctl key revoke KID`, or wait until they have expired';
	end if;
	if exists (select from m2m.client where 'resource_server' = any (roles) and deleted_at is null) then
		raise exception 'clients have the role resource_server, which the older schema doesn''t know; `m2mctl client set CLIENT_ID --role none` takes it from them';
	end if;
end
$$;

drop table m2m.tokens_ended;
drop table m2m.revoked_token;
drop function m2m.tokens_stay_ended();
drop trigger tokens_outlive_their_lifetime on m2m.client;
drop function m2m.tokens_outlive_their_lifetime();
alter table m2m.client drop column tokens_until;
