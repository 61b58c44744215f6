set local role m2m_owner;

do $$
begin
	if exists (select from m2m.client where client_id !~ '^m2m_[0-9A-Za-z]{22}$') then
		raise exception 'there are clients that were brought along, which an older gateway doesn''t take';
	end if;
	if exists (select from m2m.client_secret s join m2m.client c on c.client_id = s.client_id and c.secret_version = s.version
	           where s.expires_at is not null and s.ended_at is null) then
		raise exception 'there are secrets that end by themselves, which an older gateway can''t rotate: rotate them first';
	end if;
end
$$;

drop function m2m.bound_secrets(uuid, int);
drop index m2m.client_secret_ending;
revoke update (secret_max_age) on m2m.organization from m2m_gateway;
alter table m2m.idempotency drop column secret_expires_at;
drop function m2m.secrets_in_grace(text);
drop function m2m.end_unused_secrets(int, int, text, "char", uuid);
drop function m2m.secret_last_token(text, int, timestamptz, int);
drop table m2m.secret_unused_look;
drop function m2m.secret_is_used(text, int);
create or replace function m2m.secret_end_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'version % of client % has its end already', old.version, old.client_id using errcode = 'insufficient_privilege';
end
$$;
create unique index client_secret_current on m2m.client_secret (client_id) where expires_at is null;
alter table m2m.organization drop column secret_max_age;
alter table m2m.client_secret drop column unused_for;
drop table m2m.client_import;
drop trigger secret_is_adopted_once on m2m.client_secret;
drop function m2m.secret_is_adopted_once();
revoke update (verifier, key_id, foreign_hash) on m2m.client_secret from m2m_gateway;
alter table m2m.client_secret drop constraint client_secret_known, drop column foreign_hash;
alter table m2m.client_secret alter column key_id set not null, alter column salt set not null, alter column verifier set not null,
	alter column hint set not null;
alter table m2m.client drop constraint client_id_visible;
alter table m2m.client add constraint client_client_id_check check (client_id ~ '^m2m_[0-9A-Za-z]{22}$') not valid;
