-- Credentials of two more kinds: certificates (RFC 8705), and workloads, which a platform of their own vouches for (RFC 7523).
-- Tokens that a client must have bound to a key of its own (RFC 9449, RFC 8705), and its security profile.
set local role m2m_owner;

alter table m2m.client drop constraint client_auth_methods;
alter table m2m.client add constraint client_auth_methods check (auth_methods is null
	or (auth_methods <@ '{secret,key,certificate,workload}'::text[] and cardinality(auth_methods) between 1 and 4
	and array_ndims(auth_methods) = 1 and array_position(auth_methods, null) is null)) not valid;

-- What its tokens have to be bound to: a proof's key (dpop), a client certificate, or either (any). Null: nothing.
alter table m2m.client add column token_binding text;
alter table m2m.client add constraint client_token_binding check (token_binding in ('dpop', 'certificate', 'any')) not valid;
-- fapi2: FAPI 2.0 Security Profile. What of it can be said of a client alone is said here; the rest is of each request.
alter table m2m.client add column profile text;
alter table m2m.client add constraint client_profile check (profile is null or (profile = 'fapi2' and token_binding is not null
	and auth_methods is not null and auth_methods <@ '{key,certificate}'::text[])) not valid;

-- The ids: of a key its RFC 7638 thumbprint; of a certificate "x5t#S256:<thumbprint>", or RFC 8705's parameter and the name,
-- "tls_client_auth_san_dns:host.example"; of a workload a thumbprint of what is asked of its token.
alter table m2m.client_credential drop constraint client_credential_kind_check;
alter table m2m.client_credential add constraint client_credential_kind_check check (kind in ('key', 'certificate', 'workload')) not valid;
alter table m2m.client_credential drop constraint client_credential_credential_id_check;
alter table m2m.client_credential add constraint client_credential_credential_id_check
	check (credential_id <> '' and length(credential_id) <= 1100 and strpos(credential_id, e'\n') = 0) not valid;

-- Of a workload: what its token has to say.
alter table m2m.client_credential
	add column issuer     text, -- exactly
	add column subject    text, -- exactly; null: any, claims decide
	add column audience   text, -- among the token's
	add column claims     jsonb, -- each with this value
	add column may_replay boolean; -- a token without jti is taken, and each as often as it is shown
alter table m2m.client_credential add constraint client_credential_workload check (kind <> 'workload'
	or (issuer is not null and audience is not null and may_replay is not null and claims is not null and jsonb_typeof(claims) = 'object'
	and (subject is not null or claims <> '{}'))) not valid;

-- How many credentials of the kind the client has, and whether this is one of them: as m2m.client_keys_now, which stays for
-- the gateways of before.
create function m2m.client_credentials_now(client text, credential text, of_kind text, out credentials bigint, out present boolean)
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
	select count(*) filter (where k.kind = of_kind), coalesce(bool_or(k.credential_id = credential collate "C"), false)
	into credentials, present
	from m2m.client_credential k where k.client_id = client collate "C" and k.ended_at is null;
end
$$;
revoke all on function m2m.client_credentials_now(text, text, text) from public;
grant execute on function m2m.client_credentials_now(text, text, text) to m2m_gateway;
grant update (token_binding, profile) on m2m.client to m2m_gateway;

create or replace view m2m.client_credentials with (security_invoker = true) as
	select k.client_id, o.slug as organization, c.organization_id, k.credential_id, k.kind, k.name, k.created_at, k.expires_at, k.ended_at,
	       k.ended_at is null and (k.expires_at is null or k.expires_at > now()) as live,
	       k.issuer, k.subject, k.audience, k.claims, k.may_replay
	from m2m.client_credential k join m2m.client c using (client_id) join m2m.organization o using (organization_id);

-- How each client authenticates and what it is held to, for auditors.
create view m2m.client_authentication with (security_invoker = true) as
	select c.client_id, o.slug as organization, c.organization_id, coalesce(c.auth_methods, '{secret}') as auth_methods, c.token_binding, c.profile
	from m2m.client c join m2m.organization o using (organization_id) where c.deleted_at is null;
grant select on m2m.client_authentication to m2m_auditor;
