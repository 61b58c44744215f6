set local role m2m_owner;

drop trigger portal_use_is_over on m2m.portal_session;
drop policy gateway_writes on m2m.portal_session;
create policy gateway_writes on m2m.portal_session for insert to m2m_gateway with check (ended_at is null);
drop policy gateway_writes on m2m.portal_link;
create policy gateway_writes on m2m.portal_link for insert to m2m_gateway with check (used_at is null);
drop function m2m.organization_token_sums(uuid, text, text, timestamptz, timestamptz, text, interval);
drop function m2m.is_time_zone(text);
drop function m2m.acts(uuid, bool, text, text, text, text, timestamptz, timestamptz, timestamptz, uuid, int);
drop index m2m.admin_audit_at;
alter table m2m.admin_audit drop column act_id;
alter table m2m.client_secret drop column created_by;
