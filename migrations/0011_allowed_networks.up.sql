-- The networks that a client, and anybody in its organization's name, may come from. Null: any.
set local role m2m_owner;

-- An address that IPv6 maps (RFC 4291 section 2.5.5.2) is recorded and compared as the IPv4 address that it is, so that a
-- network of such addresses would hold none.
create function m2m.networks_hold(networks cidr[]) returns boolean language sql immutable parallel safe
begin atomic
	select networks is null or cardinality(networks) between 1 and 64 and array_ndims(networks) = 1
		and array_position(networks, null) is null and not inet '::ffff:0.0.0.0/96' >>= any (networks);
end;
revoke all on function m2m.networks_hold(cidr[]) from public;
grant execute on function m2m.networks_hold(cidr[]) to m2m_gateway;

-- Not valid, since all rows have none: it looks at what is written from now on, and nobody waits while it reads a million.
alter table m2m.organization add column allowed_networks cidr[];
alter table m2m.organization add constraint organization_networks_hold check (m2m.networks_hold(allowed_networks)) not valid;
alter table m2m.client add column allowed_networks cidr[];
alter table m2m.client add constraint client_networks_hold check (m2m.networks_hold(allowed_networks)) not valid;

-- The organizations that the issuing statement has to know more of: few, so that it costs the others no page (0007).
create index organization_limited on m2m.organization (organization_id) where disabled_at is not null or allowed_networks is not null;
drop index m2m.organization_disabled;

grant update (allowed_networks) on m2m.organization to m2m_gateway;
grant update (allowed_networks) on m2m.client to m2m_gateway;

-- As before, and from where each client may come.
create or replace view m2m.client_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, c.name, c.created_at, c.disabled_at, c.deleted_at, u.first_used_at, u.last_used_at,
	       coalesce(u.tokens, 0) as tokens, c.allowed_networks, o.allowed_networks as organization_networks
	from m2m.client c join m2m.organization o using (organization_id)
	left join (select client_id, min(first_issued_at) as first_used_at, max(last_issued_at) as last_used_at, sum(tokens)::bigint as tokens
	           from m2m.token_usage_to_now group by 1) u on u.client_id = c.client_id;

-- Refused for the address that they came from. With a client's id and no token of its own the secret was right: whoever is
-- there has it.
create view m2m.attempts_from_elsewhere with (security_invoker = true) as
	select d.minute, d.client_id, o.slug as organization, d.remote_addr, sum(d.attempts)::bigint as attempts,
	       c.allowed_networks, o.allowed_networks as organization_networks
	from m2m.denied_audit d left join m2m.client c using (client_id) left join m2m.organization o using (organization_id)
	where d.reason = 'network_not_allowed'
	group by d.minute, d.client_id, o.slug, d.remote_addr, c.allowed_networks, o.allowed_networks;
grant select on m2m.attempts_from_elsewhere to m2m_auditor;
