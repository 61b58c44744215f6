set local role m2m_owner;

do $$
begin
	if exists (select from m2m.client_credential where ended_at is null and kind <> 'key') then
		raise exception 'clients have certificates or workloads, which an older gateway doesn''t take: remove them first';
	end if;
	if exists (select from m2m.client where (token_binding is not null or profile is not null) and deleted_at is null) then
		raise exception 'clients have to bind their tokens, which an older gateway can''t: see client.token_binding and client.profile';
	end if;
	if exists (select from m2m.client where auth_methods && '{certificate,workload}' and deleted_at is null) then
		raise exception 'clients may use certificates or workloads, which an older gateway doesn''t take: see client.auth_methods';
	end if;
end
$$;

drop view m2m.client_authentication;
drop function m2m.organization_token_list(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int, text, text);
drop view m2m.credential_last_use;
drop function m2m.credentials_last_used(text);
create or replace function m2m.audit_count_day(out day date, out waiting boolean)
language plpgsql set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
declare
	mark m2m.token_usage_until;
	over timestamptz := date_trunc('day', clock_timestamp() - interval '1 hour');
begin
	waiting := false;
	select * into strict mark from m2m.token_usage_until for update;
	if mark.until >= over then
		return;
	end if;
	if mark.asked_until is null or mark.asked_until <= mark.until then
		update m2m.token_usage_until set asked_until = over, asked_by = pg_current_xact_id();
		waiting := true;
		return;
	end if;
	if pg_snapshot_xmin(pg_current_snapshot()) <= mark.asked_by then
		waiting := true;
		return;
	end if;
	day := mark.until::date;
	insert into m2m.token_usage
		(day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at, auth_method)
		select audit_count_day.day, t.organization_id, t.client_id, t.secret_version, t.kid, count(*), min(t.issued_at), max(t.issued_at),
		       t.auth_method
		from m2m.token_audit t where t.issued_at >= mark.until and t.issued_at < mark.until + interval '1 day'
		group by t.organization_id, t.client_id, t.secret_version, t.kid, t.auth_method;
	update m2m.token_usage_until set until = mark.until + interval '1 day';
end
$$;
alter table m2m.token_usage drop column credential;
drop view m2m.client_credentials;
drop function m2m.client_credentials_now(text, text, text);
delete from m2m.client_credential where kind <> 'key';
alter table m2m.client_credential drop constraint client_credential_workload, drop column issuer, drop column subject,
	drop column audience, drop column claims, drop column may_replay;
alter table m2m.client_credential drop constraint client_credential_kind_check;
alter table m2m.client_credential add constraint client_credential_kind_check check (kind in ('key'));
alter table m2m.client_credential drop constraint client_credential_credential_id_check;
alter table m2m.client_credential add constraint client_credential_credential_id_check check (credential_id <> '' and length(credential_id) <= 200);
update m2m.client set auth_methods = null where auth_methods && '{certificate,workload}';
alter table m2m.client drop column profile, drop column token_binding;
alter table m2m.client drop constraint client_auth_methods;
alter table m2m.client add constraint client_auth_methods check (auth_methods is null or (auth_methods <@ '{secret,key}'::text[]
	and cardinality(auth_methods) between 1 and 2 and array_ndims(auth_methods) = 1 and array_position(auth_methods, null) is null)) not valid;

create view m2m.client_credentials with (security_invoker = true) as
	select k.client_id, o.slug as organization, c.organization_id, k.credential_id, k.kind, k.name, k.created_at, k.expires_at, k.ended_at,
	       k.ended_at is null and (k.expires_at is null or k.expires_at > now()) as live
	from m2m.client_credential k join m2m.client c using (client_id) join m2m.organization o using (organization_id);
grant select on m2m.client_credentials to m2m_auditor;
