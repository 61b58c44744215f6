-- Checks what a batch of requests for tokens shows, and writes the audit row of each that is
-- granted and the seal that travels with them (audit_writer.h). There are four texts, since
-- PostgreSQL sets up each join anew for every statement, which is most of a small batch's cost.
-- Most batches are clients' own requests with their secrets, all of them, or with another
-- credential, all of them, and no proof (`alone`): these have texts without what they don't need.
--! issue:
--! issue_bearer: bearer
--! issue_credential: proof alone
--! issue_proof: bearer proof dpop
--
-- Arrays with one element per request: $1 jti uuid[], $2 client_id text[], $3 verifiers bytea[], $4
-- scope text[], $5 audience text[], $6 request_id uuid[], $7 transport "char"[], $8 caller text[],
-- $9 remote_addr text[], $10 user_agent text[], $11 traceparent text[], $26 auth_method "char"[].
-- $12 ring text[], $13 kid text, $14 batch uuid, $15 to $25 the seal.
-- What only requests with a bearer have: $27 bearer_kind int4[] (0: it has none, 1: a client's, 2:
-- an operator's), $28 bearer_client text[], $29 bearer_version int4[], $30 bearer_organization
-- uuid[], $31 bearer_admin bool[], $32 bearer_tag bytea[], $33 bearer_iat int8[], $34 bearer_jti
-- uuid[].
-- What a request has that shows another credential than a secret, or has its token bound: $35
-- credentials text[], $36 presented text[], $37 used_once bytea[], $38 used_until int8[], $39
-- proof_once bytea[], $40 proof_until int8[], $41 binding text[], $42 fapi2 bool[]. $43 bool:
-- whether every client is held to FAPI 2.0 (M2M_PROFILE).
--
-- Answers (ord, verdict, version, at, token_lifetime, organization_id, granted_scope,
-- granted_audience, token_type, secret_tag), and with proofs (auth_method, credential, bound_to,
-- credential_id). Verdict `bearer_network_not_allowed`: for the bearer's sake and not the client's.
--
-- statement_timestamp() is when the server got this statement: later than the arrival of every
-- request in it, so a rotation that had returned before is seen. No `returning`: the gateway's role
-- may insert into the audit but not read it. `exp` is issued_at cut to the second plus the
-- lifetime, in row and token. Rows come in any order, each with its request's place in it (`ord`):
-- to sort even one costs PostgreSQL 15 us. A secret is looked up without an aggregate, which would
-- be begun anew for each row.
with req as (
  -- A row of all arrays at a time: as a function in `from`, each would be kept whole before the
  -- first row is asked for.
  select unnest($1::uuid[]) as jti, unnest($2::text[]) as client_id,
--? not alone
    unnest($3::bytea[]) as verifiers,
--? end
    unnest($4::text[]) as scope, unnest($5::text[]) as audience, unnest($6::uuid[]) as request_id,
    unnest($7::"char"[]) as transport, unnest($8::text[]) as caller, unnest($9::text[]) as remote_addr,
    unnest($10::text[]) as user_agent, unnest($11::text[]) as traceparent, unnest($26::"char"[]) as auth_method,
--? bearer
    unnest($27::int4[]) as bearer_kind, unnest($28::text[]) as bearer_client, unnest($29::int4[]) as bearer_version,
    unnest($30::uuid[]) as bearer_organization, unnest($31::bool[]) as bearer_admin,
    unnest($32::bytea[]) as bearer_tag, unnest($33::int8[]) as bearer_iat, unnest($34::uuid[]) as bearer_jti,
--? end
--? proof
    unnest($35::text[]) as credentials, unnest($36::text[]) as presented, unnest($37::bytea[]) as used_once,
    unnest($38::int8[]) as used_until, unnest($41::text[]) as binding, unnest($42::bool[]) as fapi2,
--? end
--? dpop
    unnest($39::bytea[]) as proof_once, unnest($40::int8[]) as proof_until,
--? end
    generate_series(1::int8, cardinality($1::uuid[])) as ord
)
--? alone
-- What isn't asked about is named, so that PostgreSQL knows the parameters' types.
, unasked as (
  select $3::bytea[], $12::text[], $27::int4[], $28::text[], $29::int4[], $30::uuid[], $31::bool[], $32::bytea[], $33::int8[],
    $34::uuid[], $39::bytea[], $40::int8[]
)
--? end
, dec as (
  select req.ord, req.jti, req.client_id, req.request_id, req.transport, req.caller, req.remote_addr, req.user_agent, req.traceparent,
--? proof
    -- A certificate that is known by its thumbprint is as good as a self-signed one, whoever signed
    -- it.
    case when k.credential_id like 'x5t#S256:%' then 's' else req.auth_method end as auth_method,
    coalesce(req.presented, k.credential_id) as credential,
    -- A certificate is there whether its client means it or not: a token is bound to it where the
    -- client authenticates with it, or must have its tokens bound.
    case when
      --: key_to_bind_to(req, c)
      like 'x5t#S256:%' and k.kind is distinct from 'certificate' and c.token_binding is null and not $43::bool then null else
      --: key_to_bind_to(req, c)
      end as bound_to,
    req.used_once, req.used_until, k.credential_id,
--? else
    req.auth_method as auth_method, null::text as credential, null::text as bound_to,
--? end
--? dpop
    req.proof_once, req.proof_until,
--? end
    -- what a token tells its secret's version by, or its key
--? alone
    null::int4 as version, k.tag as secret_tag,
--? end
--? dpop
    s.version, coalesce(
      --: bearer_tag(s)
      , k.tag) as secret_tag,
--? end
--? not proof
    s.version,
    --: bearer_tag(s)
    as secret_tag,
--? end
    c.organization_id, c.token_lifetime, c.token_type, statement_timestamp() as at,
    date_trunc('second', statement_timestamp()) + make_interval(secs => c.token_lifetime) as expires_at,
    -- of an organization that has moved: where it is now
    case when o.moving = 'moved' then o.moved_to else coalesce(req.scope, array_to_string(c.scopes, ' ')) end as granted_scope,
    coalesce(req.audience, c.audiences[1]) as granted_audience,
    case
      when (select kid from m2m.signing_key_current) is distinct from $13::text then 'stale_key'
--? bearer
      -- What a request with a bearer is checked for besides: the bearer's own client, the version
      -- of the secret that it was obtained with, its organization, and the networks of both.
      when req.bearer_kind <> 0 and (bo.organization_id is null or req.bearer_kind = 1 and bs.version is null and bk.client_id is null)
        then 'invalid_token'
      when req.bearer_kind <> 0 and
        --: token_has_ended(req.bearer_jti, bo.organization_id, req.bearer_client, req.bearer_version, nullif(req.bearer_iat, 0))
        then 'invalid_token'
      when req.bearer_kind <> 0 and not (
        --: networks_allow(req.remote_addr, bc, bo)
        ) then 'bearer_network_not_allowed'
      when req.bearer_kind <> 0 and not coalesce('admin' = any(bc.roles), req.bearer_admin) then 'forbidden'
      when req.bearer_kind <> 0 and bo.organization_id is distinct from c.organization_id then 'invalid_client'
--? end
      when c.client_id is null or o.disabled_at is not null then 'invalid_client'
      --: move_cases(o)
--? proof
      --: credential_cases(req, $12, $43::bool)
--? end
--? dpop
      when req.proof_until <= extract(epoch from statement_timestamp()) then 'invalid_dpop_proof'
--? end
--? proof
      when case coalesce(c.token_binding, case when $43::bool then 'any' end)
        when 'dpop' then coalesce(
          --: key_to_bind_to(req, c)
          not like 'jkt:%', true)
        when 'certificate' then coalesce(
          --: key_to_bind_to(req, c)
          not like 'x5t#S256:%', true)
        when 'any' then req.binding is null
        else false end then 'binding_required'
--? else
      --: secret_cases(req, $12)
      -- the token is bound to nothing
      when c.token_binding is not null then 'binding_required'
--? end
--? not alone
      --: secret_use_case
--? end
      -- Networks are asked about once the credential is right: whoever is elsewhere has it.
      when not (
        --: networks_allow(req.remote_addr, c, o)
        ) then 'network_not_allowed'
      when not coalesce(string_to_array(req.scope, ' ') <@ c.scopes, true) then 'invalid_scope'
      when not coalesce(string_to_array(req.audience, ' ') <@ c.audiences, true) then 'invalid_target'
      else 'granted' end as outcome
  from req
  left join lateral (select c.client_id, c.organization_id, c.scopes, c.audiences, c.token_lifetime, c.token_type,
      c.allowed_networks, c.auth_methods, c.token_binding, c.profile
    from m2m.client c where c.client_id = req.client_id and c.disabled_at is null limit 1) c on true
  -- The few organizations that are disabled (a deleted one is too), have networks or move are an
  -- index of their own.
  left join lateral (select o.disabled_at, o.allowed_networks, o.moving, o.moved_to from m2m.organization o
    where o.organization_id = c.organization_id
      and (o.disabled_at is not null or o.allowed_networks is not null or o.moving is not null) limit 1) o on true
--? not alone
  --: secret_lookup(req, $12)
--? end
--? bearer
  left join lateral (select bc.organization_id, bc.roles, bc.allowed_networks
    from m2m.client bc where bc.client_id = req.bearer_client and bc.disabled_at is null limit 1) bc on true
  left join lateral (select bs.version from m2m.client_secret bs where
    --: bearer_secret_is_live(bs, req.bearer_client, req.bearer_version, req.bearer_tag, req.bearer_iat)
    limit 1) bs on true
  left join lateral (select bk.client_id from m2m.client_credential bk where
    --: bearer_credential_is_live(bk, req.bearer_client, req.bearer_version, req.bearer_tag)
    limit 1) bk on true
  left join lateral (select bo.organization_id, bo.allowed_networks from m2m.organization bo
    where bo.organization_id = coalesce(bc.organization_id, req.bearer_organization) and bo.disabled_at is null limit 1) bo on true
--? end
--? proof
  --: credential_lookup(req)
--? end
)
--? proof
,
--: used_once
--? end
, ins as (
  insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,
    client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent, auth_method, credential, bound_to)
  select at, expires_at, jti, organization_id, request_id, $14::uuid, version, transport,
    client_id, $13::text, caller, granted_scope, granted_audience, remote_addr::inet, user_agent, traceparent,
    auth_method, credential, bound_to
--? proof
  from fin where verdict = 'granted'
--? else
  from dec where outcome = 'granted'
--? end
)
, seal as (
--: audit_seal($15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
)
--? proof
select ord, verdict, version, at, token_lifetime, organization_id, granted_scope, granted_audience, token_type, secret_tag,
  auth_method, credential, bound_to, credential_id
from fin
--? else
select ord, outcome, version, at, token_lifetime, organization_id, granted_scope, granted_audience, token_type, secret_tag
from dec
--? end
