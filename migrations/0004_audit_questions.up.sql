-- What auditors, responders and billing ask, answered by name and without reading the whole audit.

set local role m2m_owner;

-- How many tokens each secret and each key gave on each day (UTC) that is over. It stays when the weeks that it counts are dropped.
create table m2m.token_usage (
	day             date not null,
	organization_id uuid,             -- null: a platform token
	client_id       text collate "C", -- null: an operator's token
	secret_version  int,
	kid             text not null,
	tokens          bigint not null check (tokens > 0),
	first_issued_at timestamptz not null,
	last_issued_at  timestamptz not null
);
create index token_usage_client on m2m.token_usage (client_id, day);
create index token_usage_organization on m2m.token_usage (organization_id, day);

-- One row: tokens issued before `until` are counted in token_usage, later ones are not. `asked_until`: days that are over, but may still get rows from
-- transactions as old as `asked_by`.
create table m2m.token_usage_until (
	only_row    boolean primary key default true check (only_row),
	until       timestamptz not null,
	asked_until timestamptz,
	asked_by    xid8
);
insert into m2m.token_usage_until (until)
	select date_trunc('day', coalesce(min(issued_at), now()) at time zone 'UTC') at time zone 'UTC' from m2m.token_audit;

-- Counts one more day. `day`: which. `waiting`: the next one is over, but something that may belong to it is still under way (a commit can wait long for a
-- standby): call again, in another transaction. Neither: there is nothing to count now. A day is taken up an hour after its end, so that what was sent before
-- the end has begun to write (the gateway waits two seconds for locks); from then on its transaction is waited for.
create function m2m.audit_count_day(out day date, out waiting boolean)
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
revoke all on function m2m.audit_count_day() from public;

-- The counted days, and what came after them, so that an answer is never behind.
create view m2m.token_usage_to_now with (security_invoker = true) as
	select day, organization_id, client_id, secret_version, kid, tokens, first_issued_at, last_issued_at from m2m.token_usage
	union all
	select (issued_at at time zone 'UTC')::date, organization_id, client_id, secret_version, kid, count(*), min(issued_at), max(issued_at)
	from m2m.token_audit where issued_at >= (select until from m2m.token_usage_until)
	group by 1, 2, 3, 4, 5;

-- Billing. Days are UTC's.
drop view m2m.tokens_per_day;
create view m2m.tokens_per_day with (security_invoker = true) as
	select u.day, o.slug as organization, u.organization_id, sum(u.tokens)::bigint as tokens
	from m2m.token_usage_to_now u left join m2m.organization o using (organization_id)
	group by u.day, u.organization_id, o.slug;

drop view m2m.tokens_by_secret_version;
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

drop view m2m.secret_last_use;
create view m2m.secret_last_use with (security_invoker = true) as
	select s.client_id, s.version as secret_version, s.hint, s.created_at, s.ended_at, s.expires_at, u.last_used_at, coalesce(u.tokens, 0) as tokens
	from m2m.client_secret s
	left join (select client_id, secret_version, max(last_issued_at) as last_used_at, sum(tokens)::bigint as tokens
	           from m2m.token_usage_to_now group by 1, 2) u on u.client_id = s.client_id and u.secret_version = s.version;

create view m2m.client_last_use with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, c.name, c.created_at, c.disabled_at, c.deleted_at, u.first_used_at, u.last_used_at,
	       coalesce(u.tokens, 0) as tokens
	from m2m.client c join m2m.organization o using (organization_id)
	left join (select client_id, min(first_issued_at) as first_used_at, max(last_issued_at) as last_used_at, sum(tokens)::bigint as tokens
	           from m2m.token_usage_to_now group by 1) u on u.client_id = c.client_id;

create view m2m.clients_never_used with (security_invoker = true) as
	select client_id, organization, organization_id, name, created_at, disabled_at
	from m2m.client_last_use where last_used_at is null and deleted_at is null;

-- Tokens that a replaced secret still gave, in its grace (or beyond: that would be a fault).
create view m2m.secrets_used_after_rotation with (security_invoker = true) as
	select s.client_id, s.version as secret_version, s.hint, s.ended_at, s.expires_at, u.tokens, u.first_issued_at, u.last_issued_at, u.addresses
	from m2m.client_secret s
	cross join lateral (select count(*) as tokens, min(t.issued_at) as first_issued_at, max(t.issued_at) as last_issued_at,
	                           array_agg(distinct t.remote_addr) as addresses
	                    from m2m.token_audit t
	                    where t.client_id = s.client_id and t.secret_version = s.version and t.issued_at > s.ended_at) u
	where s.ended_at is not null and u.tokens > 0;

create view m2m.secrets_read_or_rotated with (security_invoker = true) as
	select a.at, a.action, a.outcome, a.actor, o.slug as organization, a.organization_id, a.client_id, a.secret_version,
	       case a.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end as transport,
	       a.remote_addr, a.user_agent, a.request_id, a.detail
	from m2m.admin_audit a left join m2m.organization o using (organization_id)
	where a.action in ('read_secret', 'rotate_secret');
create index admin_audit_client on m2m.admin_audit (client_id, at);

create view m2m.failed_attempts_by_client with (security_invoker = true) as
	select d.client_id, o.slug as organization, d.reason, sum(d.attempts)::bigint as attempts, count(distinct d.remote_addr) as addresses,
	       min(d.minute) as first_minute, max(d.minute) as last_minute
	from m2m.denied_audit d left join m2m.client c using (client_id) left join m2m.organization o using (organization_id)
	group by d.client_id, o.slug, d.reason;

create view m2m.failed_attempts_by_address with (security_invoker = true) as
	select remote_addr, reason, sum(attempts)::bigint as attempts, count(distinct client_id) as clients,
	       min(minute) as first_minute, max(minute) as last_minute
	from m2m.denied_audit group by 1, 2;
create index denied_audit_address on m2m.denied_audit (remote_addr);

-- Tokens that are still alive lie where the latest ones do, but for long-lived ones: this skips the blocks that hold none.
create index token_audit_expiry on m2m.token_audit using brin (expires_at);

-- When a jti (UUIDv7, RFC 9562 section 5.7) was made, by the clock of the gateway that made it; null for another kind of uuid.
create function m2m.jti_time(jti uuid) returns timestamptz language sql immutable strict parallel safe
begin atomic
	select case when substr(jti::text, 15, 1) = '7'
		then timestamptz 'epoch' + make_interval(secs => ('x' || substr(replace(jti::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0) end;
end;

-- One token by its jti. A day on both sides allows for a gateway's clock that is off.
create function m2m.token(jti uuid) returns setof m2m.tokens_issued language sql stable
begin atomic
	select * from m2m.tokens_issued t
	where t.jti = token.jti and t.issued_at >= coalesce(m2m.jti_time(token.jti) - interval '1 day', '-infinity')
	  and t.issued_at <= coalesce(m2m.jti_time(token.jti) + interval '1 day', 'infinity');
end;

-- Tokens that a key signed: while it was in use hardly any other did.
create function m2m.tokens_signed_with(kid text) returns setof m2m.tokens_issued language sql stable
begin atomic
	select * from m2m.tokens_issued t
	where t.kid = tokens_signed_with.kid
	  and t.issued_at >= (select min(u.first_issued_at) from m2m.token_usage_to_now u where u.kid = tokens_signed_with.kid)
	  and t.issued_at <= (select max(u.last_issued_at) from m2m.token_usage_to_now u where u.kid = tokens_signed_with.kid);
end;

-- All that is known of one token, in its order: its secret, its issue, its end, and what happened to those it hangs on.
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

revoke all on function m2m.jti_time(uuid), m2m.token(uuid), m2m.tokens_signed_with(text), m2m.token_story(uuid) from public;
grant execute on function m2m.jti_time(uuid), m2m.token(uuid), m2m.tokens_signed_with(text), m2m.token_story(uuid) to m2m_auditor;
grant execute on function m2m.jti_time(uuid), m2m.token(uuid) to m2m_organization_auditor;

alter table m2m.token_usage enable row level security;
create policy auditor_reads on m2m.token_usage for select to m2m_auditor using (true);
create policy organization_reads on m2m.token_usage for select to m2m_organization_auditor
	using (organization_id in (select a.organization_id from m2m.organization_auditor a where a.role_name = current_user));

grant select on m2m.token_usage, m2m.token_usage_until, m2m.token_usage_to_now, m2m.tokens_per_day, m2m.tokens_by_secret_version,
	m2m.tokens_by_signing_key, m2m.secret_last_use, m2m.client_last_use, m2m.clients_never_used, m2m.secrets_used_after_rotation,
	m2m.secrets_read_or_rotated, m2m.failed_attempts_by_client, m2m.failed_attempts_by_address to m2m_auditor;
grant select on m2m.token_usage, m2m.token_usage_until, m2m.token_usage_to_now, m2m.tokens_per_day, m2m.tokens_by_secret_version,
	m2m.tokens_by_signing_key, m2m.secrets_read_or_rotated to m2m_organization_auditor;
