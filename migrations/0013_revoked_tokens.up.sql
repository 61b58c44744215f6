-- Tokens that end before they expire: one by one, or all that were issued before a moment.
set local role m2m_owner;

-- A client's tokens may live longer than its present lifetime says, if that was longer before.
-- The clients that there are now may have had the longest one until a moment ago; a constant
-- default rewrites no row.
alter table m2m.client add column tokens_until timestamptz default (now() + interval '30 days');
alter table m2m.client alter column tokens_until drop default;

create function m2m.tokens_outlive_their_lifetime() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	new.tokens_until := greatest(old.tokens_until, clock_timestamp() + make_interval(secs => old.token_lifetime + 10));
	return new;
end
$$;
revoke all on function m2m.tokens_outlive_their_lifetime() from public;
create trigger tokens_outlive_their_lifetime before update of token_lifetime on m2m.client for each row
	when (new.token_lifetime < old.token_lifetime) execute function m2m.tokens_outlive_their_lifetime();

-- RFC 7009. No foreign keys: a row is looked up by its jti, and leaves when the token has expired.
create table m2m.revoked_token (
	jti             uuid primary key,
	expires_at      timestamptz not null,
	client_id       text collate "C" not null,
	organization_id uuid not null,
	revoked_at      timestamptz not null default clock_timestamp(),
	revoked_by      text not null
);
create index revoked_token_expiry on m2m.revoked_token (expires_at);

-- Tokens whose iat is earlier than not_before have ended: an organization's (client_id ''), a client's (secret_version 0), or
-- those of one version of its secret. `credential` is for the credentials that have no version. The last of them has expired at
-- expires_at. not_before is a whole second, as iat is; infinity: all of them.
create table m2m.tokens_ended (
	organization_id uuid not null,
	client_id       text collate "C" not null default '',
	secret_version  int not null default 0 check (secret_version >= 0),
	credential      text collate "C" not null default '',
	not_before      timestamptz not null check (not_before = 'infinity' or date_trunc('second', not_before) = not_before),
	expires_at      timestamptz not null,
	ended_at        timestamptz not null default clock_timestamp(),
	primary key (organization_id, client_id, secret_version, credential),
	check (client_id <> '' or secret_version = 0 and credential = '')
);
create index tokens_ended_expiry on m2m.tokens_ended (expires_at);

-- Whoever holds the gateway's login can't bring a token back to life: what was revoked leaves when it has expired, and an end
-- of many only comes to hold for more.
alter table m2m.revoked_token enable row level security;
create policy gateway_reads on m2m.revoked_token for select to m2m_gateway using (true);
create policy gateway_writes on m2m.revoked_token for insert to m2m_gateway with check (true);
create policy gateway_forgets on m2m.revoked_token for delete to m2m_gateway using (expires_at < statement_timestamp());
create policy auditor_reads on m2m.revoked_token for select to m2m_auditor using (true);
alter table m2m.tokens_ended enable row level security;
create policy gateway_reads on m2m.tokens_ended for select to m2m_gateway using (true);
create policy gateway_writes on m2m.tokens_ended for insert to m2m_gateway with check (true);
create policy gateway_changes on m2m.tokens_ended for update to m2m_gateway using (true) with check (true);
create policy gateway_forgets on m2m.tokens_ended for delete to m2m_gateway using (expires_at < statement_timestamp());
create policy auditor_reads on m2m.tokens_ended for select to m2m_auditor using (true);

create function m2m.tokens_stay_ended() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
	raise exception 'tokens that have ended stay ended' using errcode = 'insufficient_privilege';
end
$$;
revoke all on function m2m.tokens_stay_ended() from public;
create trigger tokens_stay_ended before update on m2m.tokens_ended for each row
	when (new.not_before < old.not_before or new.expires_at < old.expires_at)
	execute function m2m.tokens_stay_ended();

grant select, insert, delete on m2m.revoked_token to m2m_gateway;
grant select, insert, delete, update (not_before, expires_at, ended_at) on m2m.tokens_ended to m2m_gateway;
grant select on m2m.revoked_token, m2m.tokens_ended to m2m_auditor;
