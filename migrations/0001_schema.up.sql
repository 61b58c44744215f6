-- The schema of m2m-gateway: organizations, their clients, hashed secrets, sealed signing keys and the audit.
-- It runs as any login that may create roles, or as m2m_owner itself where the roles were made beforehand.

-- Roles belong to the cluster, not to the database: another database of this cluster may have made them already.
do $$
declare
	role_name text;
begin
	foreach role_name in array array['m2m_owner', 'm2m_gateway', 'm2m_auditor', 'm2m_organization_auditor'] loop
		if not exists (select from pg_roles where rolname = role_name) then
			begin
				execute format('create role %I nologin', role_name);
			exception when duplicate_object or unique_violation then
				null; -- another migration of this cluster made it in this moment
			end;
		end if;
	end loop;
	if not pg_has_role(current_user, 'm2m_owner', 'member') then
		execute format('grant m2m_owner to %I', current_user);
	end if;
	if to_regnamespace('m2m') is null then
		create schema m2m authorization m2m_owner;
	end if;
end
$$;

set local role m2m_owner;

create table m2m.schema_migration (
	version    int primary key,
	name       text not null,
	checksum   bytea not null, -- SHA-256 of the file that was run
	applied_at timestamptz not null default clock_timestamp()
);

create table m2m.organization (
	organization_id uuid primary key,
	slug            text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
	name            text not null check (name <> '' and length(name) <= 200),
	issuer          text not null default '', -- the trusted outside issuer that external_id belongs to
	external_id     text,
	disabled_at     timestamptz,
	created_at      timestamptz not null default clock_timestamp(),
	unique (issuer, external_id)
);

create table m2m.client (
	client_id       text collate "C" primary key check (client_id ~ '^m2m_[0-9A-Za-z]{22}$'),
	organization_id uuid not null references m2m.organization,
	is_default      boolean not null default false,
	name            text not null default '',
	roles           text[] not null default '{admin}',
	scopes          text[] not null default '{}',
	audiences       text[] not null check (cardinality(audiences) > 0), -- the first one is the default
	token_lifetime  int not null default 86400 check (token_lifetime between 60 and 2592000), -- seconds
	secret_version  int not null check (secret_version > 0),
	disabled_at     timestamptz,
	created_at      timestamptz not null default clock_timestamp()
);
create unique index client_default on m2m.client (organization_id) where is_default;
create index client_organization on m2m.client (organization_id);

-- One row per version. The secret itself is nowhere: it is derived from the master key, this row's salt and the names.
create table m2m.client_secret (
	client_id  text collate "C" not null references m2m.client,
	version    int not null check (version > 0),
	key_id     text not null,
	salt       bytea not null check (octet_length(salt) = 32),
	verifier   bytea not null check (octet_length(verifier) = 32),
	hint       text not null check (length(hint) = 4),
	created_at timestamptz not null default clock_timestamp(),
	ended_at   timestamptz, -- when a rotation replaced it
	expires_at timestamptz, -- null: current. -infinity: ended without grace. Else the end of its grace.
	primary key (client_id, version)
);
create unique index client_secret_current on m2m.client_secret (client_id) where expires_at is null;
-- What the issuing statement reads: it stays small however often a secret is rotated.
create index client_secret_live on m2m.client_secret (client_id, version)
	where expires_at is null or expires_at > '-infinity';

-- An end only ever comes nearer: whoever holds the gateway's login can't bring an ended secret back to life.
create function m2m.secret_end_is_final() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'version % of client % has its end already', old.version, old.client_id using errcode = 'insufficient_privilege';
end
$$;
create trigger secret_end_is_final before update on m2m.client_secret for each row
	when (old.expires_at is not null and (new.expires_at is null or new.expires_at > old.expires_at))
	execute function m2m.secret_end_is_final();

create table m2m.signing_key (
	kid         text collate "C" primary key,
	alg         text not null check (alg in ('RS256', 'ES256', 'PS256', 'EdDSA')),
	state       text not null check (state in ('next', 'active', 'retired', 'revoked')),
	public_jwk  text not null,
	sealed      bytea not null, -- PKCS#8, AES-256-GCM under a key derived from master key seal_key_id
	seal_key_id text not null,
	created_at  timestamptz not null default clock_timestamp(),
	active_from timestamptz not null,
	retired_at  timestamptz,
	revoked_at  timestamptz
);

-- The key that signs at this moment: the one that became active last. Both the gateways' poll and the issuing statement ask this view.
create view m2m.signing_key_current with (security_invoker = true) as
	select kid from m2m.signing_key
	where state in ('next', 'active') and active_from <= statement_timestamp()
	order by active_from desc, kid desc limit 1;

-- Tells a gateway at start whether its master key is the one that this database knows under that name.
create table m2m.key_check (
	key_id      text primary key,
	check_value bytea not null check (octet_length(check_value) = 32),
	created_at  timestamptz not null default clock_timestamp()
);

-- What a rotation with an Idempotency-Key answered: enough to derive the same answer again, never the secret.
create table m2m.idempotency (
	organization_id            uuid not null,
	idempotency_key            text not null,
	request_hash               bytea not null,
	bearer_hash                bytea not null, -- SHA-256 of the bearer that asked
	client_id                  text not null,
	secret_version             int not null,
	rotated_at                 timestamptz not null,
	previous_secret_expires_at timestamptz,
	primary key (organization_id, idempotency_key)
);
create index idempotency_age on m2m.idempotency (rotated_at);

-- One row per issued token. No primary key and no foreign keys: rows are written in batches on the issuing path, and read by time or by client.
create table m2m.token_audit (
	issued_at       timestamptz not null,
	expires_at      timestamptz not null,
	jti             uuid not null,
	organization_id uuid not null,
	request_id      uuid not null,
	batch_id        uuid not null,
	secret_version  int, -- null: the operator's token
	transport       "char" not null, -- r REST, g gRPC, c m2mctl
	client_id       text collate "C", -- null: the operator's token
	kid             text not null,
	caller          text not null,
	scope           text not null,
	audience        text not null,
	remote_addr     inet,
	user_agent      text,
	traceparent     text
) partition by range (issued_at);
create index token_audit_time on m2m.token_audit using brin (issued_at, jti);
create index token_audit_client on m2m.token_audit (client_id);
create table m2m.token_audit_default partition of m2m.token_audit default;

create table m2m.admin_audit (
	at              timestamptz not null default clock_timestamp(),
	action          text not null,
	outcome         text not null,
	actor           text not null,
	organization_id uuid,
	client_id       text,
	secret_version  int,
	request_id      uuid,
	transport       "char" not null,
	remote_addr     inet,
	user_agent      text,
	traceparent     text,
	detail          jsonb
);
create index admin_audit_time on m2m.admin_audit using brin (at);
create index admin_audit_organization on m2m.admin_audit (organization_id, at);

-- Refused attempts, counted per minute by each worker. Unknown client ids share one row with a null client_id.
create table m2m.denied_audit (
	minute      timestamptz not null,
	client_id   text,
	remote_addr inet, -- an IPv6 address as its /64
	reason      text not null,
	attempts    int not null check (attempts > 0),
	batch_id    uuid not null
);
create index denied_audit_time on m2m.denied_audit using brin (minute);
create index denied_audit_client on m2m.denied_audit (client_id);

-- Which organization an organization's own auditor login may see. Only the owner writes here.
create table m2m.organization_auditor (
	role_name       name not null,
	organization_id uuid not null references m2m.organization,
	primary key (role_name, organization_id)
);

-- The uuid that stands in the audit for an X-Request-Id which is not a UUID itself (UUIDv8 of its SHA-256).
create function m2m.request_uuid(request_id text) returns uuid
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
	select case when request_id ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then request_id::uuid
	else encode(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | 128), 8, get_byte(h, 8) & 63 | 128), 'hex')::uuid end
	from (select substr(sha256(convert_to(request_id, 'UTF8')), 1, 16) as h) as digest
$$;

-- Makes the audit's weekly partitions from this week on up to `days` ahead; answers how many it made. CREATE + CHECK + ATTACH, since that makes
-- no insert wait. Only a reader of the default partition (of the whole audit, that is) can keep it from its work, for lock_timeout; the gateway comes again a minute
-- later. A range that the default partition already holds rows of is left there with a warning: no insert ever fails.
create function m2m.audit_partitions_ahead(days int) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' set timezone = 'UTC' as $$
declare
	week timestamptz := date_trunc('week', clock_timestamp());
	part text;
	made int := 0;
begin
	if days not between 0 and 400 then
		raise exception 'days must be between 0 and 400';
	end if;
	if not pg_try_advisory_xact_lock(hashtext('m2m.audit_partitions_ahead')) then
		return 0; -- another gateway is at it
	end if;
	while week <= clock_timestamp() + make_interval(days => days) loop
		part := 'token_audit_p' || to_char(week, 'YYYYMMDD');
		if to_regclass('m2m.' || part) is null then
			begin
				execute format('create table m2m.%I (like m2m.token_audit including all, check (issued_at >= %L and issued_at < %L))',
				               part, week, week + interval '7 days');
				execute format('alter table m2m.token_audit attach partition m2m.%I for values from (%L) to (%L)',
				               part, week, week + interval '7 days');
				made := made + 1;
			exception when check_violation then
				raise warning 'partition % not made: token_audit_default holds rows of its range', part;
			end;
		end if;
		week := week + interval '7 days';
	end loop;
	return made;
end
$$;
revoke all on function m2m.audit_partitions_ahead(int) from public;
select m2m.audit_partitions_ahead(28);

-- Auditors' questions by name. All run with the reader's own rights.
create view m2m.tokens_issued with (security_invoker = true) as
	select t.issued_at, t.expires_at, t.jti, o.slug as organization, t.organization_id, t.client_id, t.secret_version, t.kid, t.caller,
	       t.scope, t.audience, case t.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end as transport,
	       t.remote_addr, t.user_agent, t.request_id, t.batch_id, t.traceparent
	from m2m.token_audit t left join m2m.organization o using (organization_id);

create view m2m.tokens_alive_now with (security_invoker = true) as
	select * from m2m.tokens_issued
	-- 30 days is the longest lifetime a client may have, so older partitions are not read
	where expires_at > now() and issued_at > now() - interval '30 days';

create view m2m.tokens_per_day with (security_invoker = true) as
	select date_trunc('day', issued_at) as day, organization, organization_id, count(*) as tokens
	from m2m.tokens_issued group by 1, 2, 3;

create view m2m.tokens_by_secret_version with (security_invoker = true) as
	select client_id, secret_version, count(*) as tokens, min(issued_at) as first_issued_at, max(issued_at) as last_issued_at,
	       count(*) filter (where expires_at > now()) as alive
	from m2m.token_audit where client_id is not null group by 1, 2;

create view m2m.secret_last_use with (security_invoker = true) as
	select s.client_id, s.version as secret_version, s.hint, s.created_at, s.ended_at, s.expires_at, u.last_used_at
	from m2m.client_secret s
	left join lateral (select max(t.issued_at) as last_used_at from m2m.token_audit t
	                   where t.client_id = s.client_id and t.secret_version = s.version) u on true;

create view m2m.secrets_read with (security_invoker = true) as
	select at, actor, outcome, organization_id, client_id, secret_version, remote_addr, user_agent, request_id
	from m2m.admin_audit where action = 'read_secret';

create view m2m.denied_attempts with (security_invoker = true) as
	select minute, client_id, remote_addr, reason, sum(attempts) as attempts
	from m2m.denied_audit group by 1, 2, 3, 4;

-- Rows of the audit are seen by organization.
alter table m2m.token_audit enable row level security;
alter table m2m.admin_audit enable row level security;
create policy gateway_writes on m2m.token_audit for insert to m2m_gateway with check (true);
create policy gateway_writes on m2m.admin_audit for insert to m2m_gateway with check (true);
create policy auditor_reads on m2m.token_audit for select to m2m_auditor using (true);
create policy auditor_reads on m2m.admin_audit for select to m2m_auditor using (true);
create policy organization_reads on m2m.token_audit for select to m2m_organization_auditor
	using (organization_id in (select a.organization_id from m2m.organization_auditor a where a.role_name = current_user));
create policy organization_reads on m2m.admin_audit for select to m2m_organization_auditor
	using (organization_id in (select a.organization_id from m2m.organization_auditor a where a.role_name = current_user));
alter table m2m.organization enable row level security;
create policy gateway_reads on m2m.organization for select to m2m_gateway, m2m_auditor using (true);
create policy organization_reads on m2m.organization for select to m2m_organization_auditor
	using (organization_id in (select a.organization_id from m2m.organization_auditor a where a.role_name = current_user));
-- An organization's auditor doesn't learn who the other organizations' are.
alter table m2m.organization_auditor enable row level security;
create policy auditor_reads on m2m.organization_auditor for select to m2m_auditor using (true);
create policy organization_reads on m2m.organization_auditor for select to m2m_organization_auditor using (role_name = current_user);

grant usage on schema m2m to m2m_gateway, m2m_auditor, m2m_organization_auditor;
grant select on m2m.schema_migration, m2m.organization, m2m.client, m2m.client_secret, m2m.signing_key, m2m.signing_key_current,
	m2m.key_check, m2m.idempotency to m2m_gateway;
grant update (secret_version) on m2m.client to m2m_gateway;
grant insert, update (ended_at, expires_at) on m2m.client_secret to m2m_gateway;
grant insert on m2m.token_audit, m2m.admin_audit, m2m.denied_audit, m2m.key_check to m2m_gateway;
grant insert, update, delete on m2m.idempotency to m2m_gateway;
grant execute on function m2m.audit_partitions_ahead(int) to m2m_gateway;

grant select on m2m.token_audit, m2m.admin_audit, m2m.denied_audit, m2m.organization, m2m.client, m2m.schema_migration,
	m2m.tokens_issued, m2m.tokens_alive_now, m2m.tokens_per_day, m2m.tokens_by_secret_version, m2m.secret_last_use, m2m.secrets_read,
	m2m.denied_attempts, m2m.organization_auditor, m2m.signing_key_current to m2m_auditor;
grant select (client_id, version, key_id, hint, created_at, ended_at, expires_at) on m2m.client_secret to m2m_auditor;
grant select (kid, alg, state, public_jwk, created_at, active_from, retired_at, revoked_at) on m2m.signing_key to m2m_auditor;

grant select on m2m.token_audit, m2m.admin_audit, m2m.organization, m2m.tokens_issued, m2m.tokens_alive_now, m2m.tokens_per_day,
	m2m.tokens_by_secret_version, m2m.secrets_read, m2m.organization_auditor to m2m_organization_auditor;

-- Promise 2 of the design (no token without its row) rests on this; the gateway checks it again at each connection.
do $$
begin
	alter role m2m_gateway set synchronous_commit = on;
exception when insufficient_privilege then
	null; -- the owner may not alter roles here; the gateway sets it itself
end
$$;
