-- What several statements say in the same words. A part begins at a line `--= name(parameters)` and
-- ends at the next one; its parameters stand in it as :name. A statement takes a part in with
-- `--: name(arguments)`. embed_statements.cmake tells the rest.

-- ---- which credentials are live: this is the one place that says so ----

--= secret_is_live(s)
-- The condition for row `s` of m2m.client_secret: it opens now.
(:s.expires_at is null or :s.expires_at > statement_timestamp())

--= secret_may_be_live(s)
-- It wasn't ended without grace: what the index of versions that may be live holds. Its planner
-- recognises these words alone, so a look-up for a live version has both conditions where it may
-- meet many ended ones.
(:s.expires_at is null or :s.expires_at > '-infinity')

--= secret_is_current(s, c)
-- It is the version of client `c` that a rotation would replace; it may have ended.
:s.version = :c.secret_version

--= secret_may_end(s)
-- It is a current version with an end: what the index of ends holds. Its planner recognises these
-- words alone.
:s.ended_at is null and :s.expires_at is not null

--= secret_end(made_at, seconds, time, age)
-- The end of a secret that is made at `made_at`: after so many seconds, at that time, or when it is
-- as old as its organization's secrets may be, whichever comes first. Each may be null: none.
least(:made_at + make_interval(secs => :seconds::int4), :time::timestamptz, :made_at + make_interval(secs => :age))

--= credential_is_live(k)
-- The condition for row `k` of m2m.client_credential: the client may show it now.
:k.ended_at is null and (:k.expires_at is null or :k.expires_at > statement_timestamp())

--= network_allowed(address, networks)
-- True or false, never null. `networks`: a column allowed_networks; null allows any. `address`:
-- text; an unknown one (null) is in no network.
(:networks is null or coalesce(:address::inet <<= any (:networks), false))

-- ---- bearers: whether the credential that one was obtained with is still live ----

--= bearer_tag(s)
-- What the token's secret_tag is made of: six bytes of a version's verifier. The verifier is an
-- HMAC over a random secret: two versions have the same bytes by chance alone, and they tell
-- nothing of the secret.
substr(:s.verifier, 1, 6)

--= bearer_secret_is_live(s, client, ver, bearers_tag, issued)
-- The condition for row `s` of m2m.client_secret. A version's number alone doesn't do: after a
-- restore, or a failover that lost rotations, the same number is given again, to another secret. A
-- token without a tag was made by a gateway that gave none; it must not be older than its version,
-- whose first second is in doubt, since `iat` is in whole seconds.
:s.client_id = :client and :s.version = :ver and
--: secret_is_live(:s)
 and case when :bearers_tag is null then date_trunc('second', :s.created_at) <= to_timestamp(:issued) else
--: bearer_tag(:s)
 = :bearers_tag end

--= bearer_credential_is_live(k, client, ver, bearers_tag)
-- The condition for row `k` of m2m.client_credential. `version` is 0: no secret has that. A key
-- that was removed and added again has another tag, so that what was obtained with it before stays
-- refused.
:ver = 0 and :k.client_id = :client and :k.tag = :bearers_tag and
--: credential_is_live(:k)

-- ---- tokens that have ended ----

--= token_has_ended(token, organization, client, ver, issued)
-- True or false, never null. Each argument may be null: jti uuid, organization uuid, client text
-- (an operator's token has none), version int4 (likewise), iat int8 (an outside issuer's token
-- isn't ours, and has neither jti nor iat here).
((select true from m2m.revoked_token rt where rt.jti = :token limit 1) is true
 or (select true from m2m.tokens_ended te
     where te.organization_id = :organization and te.client_id = any (array['', :client])
       and te.secret_version = any (array[0, :ver]) and te.credential = ''
       and to_timestamp(:issued) < te.not_before limit 1) is true)

--= tokens_not_before(time)
-- The first whole second after `time`: iat is in whole seconds, so that a token issued in the same
-- second counts as issued before it.
(date_trunc('second', :time) + interval '1 second')

--= last_token_expires(c, time)
-- When the last token that client `c` was given by `time` has expired. The seconds more are for
-- tokens that statements under way at that time still issue.
greatest(:time + make_interval(secs => :c.token_lifetime + 10), :c.tokens_until)

-- ---- who asks for a credential ----

--= caller(bearers_tag, issued, address, from_anywhere, token)
-- $1 bearer's client_id text or null, $2 its secret_version int, $3 operator's organization_id uuid
-- or null, $4 operator is admin bool; as the statement's last five, whose numbers are given here,
-- its tag bytea or null, its iat int8 (0: not ours), the address that it came from text or null,
-- whether it may come from anywhere bool, and its jti uuid or null. Gives one row `caller`, or
-- none: (organization_id, admin, live, near). `live`: it hasn't ended, and neither has its
-- credential. `near`: its client and its organization allow the network that it came from.
with caller as (
  select o.organization_id, coalesce('admin' = any(c.roles), b.admin) as admin,
    (b.client_id is null
     or exists (select from m2m.client_secret s where
--: bearer_secret_is_live(s, b.client_id, b.version, b.tag, b.iat)
       )
     or exists (select from m2m.client_credential k where
--: bearer_credential_is_live(k, b.client_id, b.version, b.tag)
       ))
    and not
--: token_has_ended(b.jti, o.organization_id, b.client_id, b.version, b.iat)
    as live,
    (b.anywhere or
--: network_allowed(b.remote_addr, c.allowed_networks)
     and
--: network_allowed(b.remote_addr, o.allowed_networks)
    ) as near
  from (select $1::text as client_id, $2::int4 as version, $3::uuid as organization_id, $4::bool as admin,
          :bearers_tag::bytea as tag, nullif(:issued::int8, 0) as iat, :token::uuid as jti,
          :address::text as remote_addr, :from_anywhere::bool as anywhere) b
  left join lateral (select * from m2m.client c where c.client_id = b.client_id and c.disabled_at is null limit 1) c on true
  join lateral (select * from m2m.organization o
    where o.organization_id = case when b.client_id is null then b.organization_id else c.organization_id end
      and o.disabled_at is null limit 1) o on true
)

--= caller_refused
-- The first reasons to refuse it.
when caller.live is not true then 'invalid_token' when not caller.near then 'network_not_allowed'

--= target_client
-- The caller's organization's default client, or its client $11, as `t`.
left join lateral (select * from m2m.client t where t.organization_id = caller.organization_id and t.disabled_at is null
  and case when $11::text is null then t.is_default else t.client_id = $11::text end limit 1) t on true

--= origin_columns
actor, request_id, transport, remote_addr, user_agent, traceparent

--= origin_values
-- $5 actor text, $6 request_id uuid, $7 transport "char", $8 remote_addr text or null, $9
-- user_agent text or null, $10 traceparent text or null.
$5::text, $6::uuid, $7::"char", $8::text::inet, $9::text, $10::text

-- ---- ending many tokens at once ----

--= end_tokens_begin
-- Between this and end_tokens_end stands a select of (organization_id, client_id, secret_version,
-- not_before, expires_at), each key once. What ended earlier stays ended.
insert into m2m.tokens_ended as e (organization_id, client_id, secret_version, not_before, expires_at)

--= end_tokens_end
on conflict (organization_id, client_id, secret_version, credential) do update set
  not_before = greatest(e.not_before, excluded.not_before), expires_at = greatest(e.expires_at, excluded.expires_at),
  ended_at = greatest(e.ended_at, excluded.ended_at)
