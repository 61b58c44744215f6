set local role m2m_owner;

do $$
begin
	if exists (select from m2m.organization where allowed_networks is not null and deleted_at is null)
	   or exists (select from m2m.client where allowed_networks is not null and deleted_at is null) then
		raise exception 'organizations or clients have networks that they are bound to, which the older schema can''t keep; `m2mctl org set SLUG --allow-network any` and `m2mctl client set CLIENT_ID --allow-network any` take these from them';
	end if;
end
$$;

drop view m2m.attempts_from_elsewhere;
drop view m2m.clients_never_used;
drop view m2m.client_last_use;

create view m2m.client_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, c.name, c.created_at, c.disabled_at, c.deleted_at, u.first_used_at, u.last_used_at,
	       coalesce(u.tokens, 0) as tokens
	from m2m.client c join m2m.organization o using (organization_id)
	left join (select client_id, min(first_issued_at) as first_used_at, max(last_issued_at) as last_used_at, sum(tokens)::bigint as tokens
	           from m2m.token_usage_to_now group by 1) u on u.client_id = c.client_id;

create view m2m.clients_never_used with (security_invoker = true) as
	select client_id, organization, organization_id, name, created_at, disabled_at
	from m2m.client_last_use where last_used_at is null and deleted_at is null;
grant select on m2m.client_last_use, m2m.clients_never_used to m2m_auditor;

create index organization_disabled on m2m.organization (organization_id) where disabled_at is not null;
drop index m2m.organization_limited;

alter table m2m.client drop column allowed_networks;
alter table m2m.organization drop column allowed_networks;
drop function m2m.networks_hold(cidr[]);
