-- Refused once a token names a credential or what it is bound to, since no older column says that. Whether a secret came by
-- Basic or in the body is forgotten. Where there are seals of version 2 all seals go: no older program can check them, and
-- what is recorded stays.
set local role m2m_owner;

do $$
begin
	if exists (select from m2m.token_audit where credential is not null or bound_to is not null) then
		raise exception 'm2m.token_audit has tokens that name a credential or what they are bound to, which the older schema can''t keep';
	end if;
	if exists (select from m2m.audit_seal where version > 1) then
		delete from m2m.audit_seal;
		update m2m.audit_seal_since set since = clock_timestamp();
	end if;
end
$$;

drop function m2m.audit_attach_partition(text);
drop function m2m.organization_token_list(uuid, text, uuid, int, inet, timestamptz, timestamptz, timestamptz, uuid, int);
drop function m2m.token_story(uuid);
drop function m2m.tokens_signed_with(text);
drop function m2m.token(uuid);
drop view m2m.tokens_by_auth_method, m2m.clients_never_used, m2m.client_last_use, m2m.secret_last_use, m2m.tokens_by_signing_key,
	m2m.tokens_by_secret_version, m2m.tokens_per_day, m2m.token_usage_to_now, m2m.tokens_alive_now, m2m.tokens_issued;
drop function m2m.auth_method_name("char");

-- Counted by method, a secret and a key may have several rows a day.
with counted as (delete from m2m.token_usage returning *)
insert into m2m.token_usage (day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at)
	select day, organization_id, client_id, secret_version, kid, sum(tokens)::bigint, min(first_issued_at), max(last_issued_at)
	from counted group by 1, 2, 3, 4, 5;
alter table m2m.token_usage drop column auth_method;

alter table m2m.audit_seal drop column version;
alter table m2m.token_audit drop column auth_method, drop column credential, drop column bound_to;

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
		select audit_count_day.day, t.organization_id, t.client_id, t.secret_version, t.kid, count(*), min(t.issued_at), max(t.issued_at)
		from m2m.token_audit t where t.issued_at >= mark.until and t.issued_at < mark.until + interval '1 day'
		group by t.organization_id, t.client_id, t.secret_version, t.kid;
	update m2m.token_usage_until set until = mark.until + interval '1 day';
end
$$;

create view m2m.tokens_issued with (security_invoker = true) as
	select t.issued_at, t.expires_at, t.jti, o.slug as organization, t.organization_id, t.client_id, t.secret_version, t.kid, t.caller,
	       t.scope, t.audience, case t.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end as transport,
	       m2m.unmapped(t.remote_addr) as remote_addr, t.user_agent, t.request_id, t.batch_id, t.traceparent
	from m2m.token_audit t left join m2m.organization o using (organization_id);

create view m2m.tokens_alive_now with (security_invoker = true) as
	select * from m2m.tokens_issued
	-- 30 days is the longest lifetime a client may have, so older partitions are not read
	where expires_at > now() and issued_at > now() - interval '30 days';

create view m2m.token_usage_to_now with (security_invoker = true) as
	select day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at from m2m.token_usage
	union all
	select (issued_at at time zone 'UTC')::date, organization_id, client_id, secret_version, kid, count(*), min(issued_at), max(issued_at)
	from m2m.token_audit where issued_at >= (select until from m2m.token_usage_until)
	group by 1, 2, 3, 4, 5;

create view m2m.tokens_per_day with (security_invoker = true) as
	select u.day, o.slug as organization, u.organization_id, sum(u.tokens)::bigint as tokens
	from m2m.token_usage_to_now u left join m2m.organization o using (organization_id)
	group by u.day, u.organization_id, o.slug;

create view m2m.tokens_by_secret_version with (security_invoker = true) as
	select u.client_id, u.secret_version, u.tokens, u.first_issued_at, u.last_issued_at,
	       (select count(*) from m2m.tokens_alive_now a where a.client_id = u.client_id and a.secret_version = u.secret_version) as alive
	from (select client_id, secret_version, sum(tokens)::bigint as tokens, min(first_issued_at) as first_issued_at,
	             max(last_issued_at) as last_issued_at
	      from m2m.token_usage_to_now where client_id is not null group by 1, 2) u;

create view m2m.tokens_by_signing_key with (security_invoker = true) as
	select kid, sum(tokens)::bigint as tokens, count(distinct client_id) as clients, count(distinct organization_id) as organizations,
	       min(first_issued_at) as first_issued_at, max(last_issued_at) as last_issued_at
	from m2m.token_usage_to_now group by kid;

create view m2m.secret_last_use with (security_invoker = true) as
	select s.client_id, s.version as secret_version, s.hint, s.created_at, s.ended_at, s.expires_at, u.last_used_at, coalesce(u.tokens, 0) as tokens
	from m2m.client_secret s
	left join (select client_id, secret_version, max(last_issued_at) as last_used_at, sum(tokens)::bigint as tokens
	           from m2m.token_usage_to_now group by 1, 2) u on u.client_id = s.client_id and u.secret_version = s.version;

create view m2m.client_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, c.name, c.created_at, c.disabled_at, c.deleted_at, u.first_used_at, u.last_used_at,
	       coalesce(u.tokens, 0) as tokens, c.allowed_networks, o.allowed_networks as organization_networks
	from m2m.client c join m2m.organization o using (organization_id)
	left join (select client_id, min(first_issued_at) as first_used_at, max(last_issued_at) as last_used_at, sum(tokens)::bigint as tokens
	           from m2m.token_usage_to_now group by 1) u on u.client_id = c.client_id;

create view m2m.clients_never_used with (security_invoker = true) as
	select client_id, organization, organization_id, name, created_at, disabled_at
	from m2m.client_last_use where last_used_at is null and deleted_at is null;

create function m2m.token(jti uuid) returns setof m2m.tokens_issued language sql stable
begin atomic
	select * from m2m.tokens_issued t
	where t.jti = token.jti and t.issued_at >= coalesce(m2m.jti_time(token.jti) - interval '1 day', '-infinity')
	  and t.issued_at <= coalesce(m2m.jti_time(token.jti) + interval '1 day', 'infinity');
end;

create function m2m.tokens_signed_with(kid text) returns setof m2m.tokens_issued language sql stable
begin atomic
	select * from m2m.tokens_issued t
	where t.kid = tokens_signed_with.kid
	  and t.issued_at >= (select min(u.first_issued_at) from m2m.token_usage_to_now u where u.kid = tokens_signed_with.kid)
	  and t.issued_at <= (select max(u.last_issued_at) from m2m.token_usage_to_now u where u.kid = tokens_signed_with.kid);
end;

create function m2m.token_story(jti uuid) returns table (at timestamptz, event text, detail jsonb) language sql stable
begin atomic
	with t as materialized (select * from m2m.token(token_story.jti))
	select t.issued_at, 'token issued', to_jsonb(t) from t
	union all select t.expires_at, 'token expires', null from t
	union all select s.created_at, 'secret made', jsonb_build_object('client_id', s.client_id, 'secret_version', s.version, 'hint', s.hint)
		from t join m2m.client_secret s on s.client_id = t.client_id and s.version = t.secret_version
	union all select s.ended_at, 'secret replaced', jsonb_build_object('client_id', s.client_id, 'secret_version', s.version)
		from t join m2m.client_secret s on s.client_id = t.client_id and s.version = t.secret_version where s.ended_at is not null
	union all select s.expires_at, 'end of the secret''s grace', jsonb_build_object('client_id', s.client_id, 'secret_version', s.version)
		from t join m2m.client_secret s on s.client_id = t.client_id and s.version = t.secret_version where s.expires_at > '-infinity'
	union all select c.disabled_at, 'client disabled', jsonb_build_object('client_id', c.client_id)
		from t join m2m.client c using (client_id) where c.disabled_at is not null
	union all select o.disabled_at, 'organization disabled', jsonb_build_object('organization', o.slug)
		from t join m2m.organization o using (organization_id) where o.disabled_at is not null
	union all select k.revoked_at, 'signing key revoked', jsonb_build_object('kid', k.kid)
		from t join m2m.signing_key k using (kid) where k.revoked_at is not null
	order by 1, 2;
end;

revoke all on function m2m.token(uuid), m2m.tokens_signed_with(text), m2m.token_story(uuid) from public;
grant execute on function m2m.token(uuid), m2m.tokens_signed_with(text), m2m.token_story(uuid) to m2m_auditor;
grant execute on function m2m.token(uuid) to m2m_organization_auditor;
grant select on m2m.tokens_issued, m2m.tokens_alive_now, m2m.token_usage_to_now, m2m.tokens_per_day, m2m.tokens_by_secret_version,
	m2m.tokens_by_signing_key, m2m.secret_last_use, m2m.client_last_use, m2m.clients_never_used to m2m_auditor;
grant select on m2m.tokens_issued, m2m.tokens_alive_now, m2m.token_usage_to_now, m2m.tokens_per_day, m2m.tokens_by_secret_version,
	m2m.tokens_by_signing_key to m2m_organization_auditor;
