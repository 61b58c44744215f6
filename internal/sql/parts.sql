-- What several statements say in the same words. A part begins at a line `--= name(parameters)` and
-- ends at the next one; its parameters stand in it as :name. A statement takes a part in with
-- `--: name(arguments)`. embed_statements.cmake tells the rest.
--
-- A row is looked up by its key in a lateral subselect with `limit 1`. Because of the limit
-- PostgreSQL looks it up by its index, for one row at a time. With a plain join it may as well read
-- the whole table (or index) first while that is small. It goes on doing so when a million more
-- have been imported, until it has analyzed the table.
--
-- What a batch looks up names its columns. With `*` PostgreSQL sets up each column of the table for
-- every statement, and copies it for every row, read or not.

-- ---- which credentials are live: this is the one place that says so ----

--= secret_is_live(s)
-- The condition for row `s` of m2m.client_secret: it opens now.
(:s.expires_at is null or :s.expires_at > statement_timestamp())

--= secret_may_be_live(s)
-- Nobody has found it over: what the index of versions that may be live holds. Its planner
-- recognises these words alone, so a look-up for a live version has both conditions where it may
-- meet many ended ones. Whoever ends a version marks it as over; one whose end comes by itself is
-- marked by the client's next rotation.
not :s.over

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

--= networks_allow(address, c, o)
-- Both client `c` and its organization `o` allow it.
--: network_allowed(:address, :c.allowed_networks)
and
--: network_allowed(:address, :o.allowed_networks)

-- ---- whether a client has authenticated, with a secret or with another credential ----
--
-- In this one place, for what issues tokens and for what tells and ends them. `a` is the row of
-- what was shown:
--   client_id text
--   verifiers bytea     a 32-byte verifier for each key of `ring` (key ids, text[]), in its order;
--                       null with another credential
-- and, where credentials may be shown:
--   auth_method "char"  as m2m.auth_method_name has it
--   credentials text    the ids that would do, one in a line (a certificate has several names);
--                       null: a secret
--   used_once bytea, used_until int8   what may be used once, and the second from which on it is
--                       refused for its age; may be null
--   fapi2 bool          the request alone does all that FAPI 2.0 wants
-- The worker has checked signatures and ages. Whether this very credential is live now, of this
-- client, and may be shown by it, is found here. Rows `c` of m2m.client, `s` of m2m.client_secret
-- and `k` of m2m.client_credential come from the look-ups.

--= live_secret(a, s)
:s.client_id = :a.client_id and
--: secret_may_be_live(:s)
and
--: secret_is_live(:s)

--= secret_lookup(a, ring)
left join lateral (select s.client_id, s.version, s.verifier, s.unused_for from m2m.client_secret s where
  --: live_secret(:a, s)
  and s.verifier = substr(:a.verifiers, 32 * array_position(:ring::text[], s.key_id) - 31, 32) limit 1) s on true

--= why_no_secret(a, ring)
-- The outcome where no live secret of the client is what was shown. There may be one that can't be
-- compared: under a key that isn't of the ring, or brought along and never shown yet (it has no
-- key: only its hash of the other product is known). The former is told first.
coalesce((select case when v.key_id is null then 'secret_not_adopted' else 'key_missing' end from m2m.client_secret v where
  --: live_secret(:a, v)
  and (v.key_id = any (:ring::text[])) is not true order by v.key_id limit 1), 'invalid_client')

--= secret_cases(a, ring)
-- Of a statement in which all show secrets.
when s.version is null then
  --: why_no_secret(:a, :ring)
when not (c.auth_methods is null or 'secret' = any (coalesce(c.auth_methods, '{secret}'))) then 'auth_method_not_allowed'

--= secret_use_case
-- Of what issues tokens: a version that ends once it is unused is kept from being found so until
-- this transaction is over.
when s.unused_for is not null and not m2m.secret_is_used(s.client_id, s.version) then 'invalid_client'

--= shown_kind(a)
case :a.auth_method when 'k' then 'key' when 't' then 'certificate' when 's' then 'certificate' when 'w' then 'workload'
  when 'j' then 'workload' end

--= live_credential(a)
k.client_id = :a.client_id and k.credential_id = any (string_to_array(:a.credentials, e'\n')) and k.kind =
--: shown_kind(:a)
and
--: credential_is_live(k)

--= credential_lookup(a)
left join lateral (select k.client_id, k.credential_id, k.kind, k.tag from m2m.client_credential k where
  --: live_credential(:a)
  limit 1) k on true

--= credential_cases(a, ring, held)
-- `held`: every client is held to FAPI 2.0, whatever its own profile. In a text with the word
-- `alone` nobody shows a secret.
--? alone
when k.client_id is null then 'invalid_client'
--? else
when :a.credentials is null and s.version is null then
  --: why_no_secret(:a, :ring)
when :a.credentials is not null and k.client_id is null then 'invalid_client'
--? end
when :a.used_until <= extract(epoch from statement_timestamp()) then 'invalid_client'
when not (coalesce(
  --: shown_kind(:a)
  , 'secret') = any (coalesce(c.auth_methods, '{secret}'))) then 'auth_method_not_allowed'
when :held and coalesce(
  --: shown_kind(:a)
  , 'secret') not in ('key', 'certificate') then 'auth_method_not_allowed'
when (:held or c.profile = 'fapi2') and not :a.fapi2 then 'profile_violated'

--= key_to_bind_to(a, c)
-- Of a DPoP proof's key and a certificate the one that the client's tokens must be bound to.
split_part(:a.binding, e'\n', case when :c.token_binding = 'certificate' then -1 else 1 end)

--= used_once
-- From rows `dec` (outcome, used_once, used_until, ord, ...) to rows `fin`: the same, and
-- `verdict`. In a text with the word `dpop`, `dec` has proof_once and proof_until, of a DPoP
-- proof, too.
--
-- Whether something was shown before is asked last, of those alone that would be granted: so each
-- opens one thing at most, and one that was refused for something else isn't used up. Of several
-- that show the same in one batch the first one counts. Hashes are inserted in their order: two
-- batches that share some can't wait for each other. A hash that wasn't inserted was there before,
-- or is another batch's that has committed.
one as (
  select dec.*, row_number() over (partition by used_once, outcome order by ord) = 1 as used_first
--? dpop
    , row_number() over (partition by proof_once, outcome order by ord) = 1 as proof_first
--? end
  from dec
)
, used as (
  insert into m2m.used_once (slot, hash, expires_at)
  select mod(until / 3600, 32)::int2, hash, to_timestamp(until) from (
    select used_once as hash, used_until as until from one where outcome = 'granted' and used_once is not null and used_first
--? dpop
    union all
    select proof_once as hash, proof_until as until from one where outcome = 'granted' and proof_once is not null and proof_first
--? end
  ) h order by hash
  on conflict do nothing returning hash
)
, fin as (
  select one.*, case when outcome <> 'granted' then outcome
    when used_once is not null and not (used_first and used_once in (select hash from used)) then 'assertion_replayed'
--? dpop
    when proof_once is not null and not (proof_first and proof_once in (select hash from used)) then 'proof_replayed'
--? end
    else outcome end as verdict
  from one
)

-- ---- organizations that move to another installation ----
--
-- A row `o` with moving text: null where it lives here (m2m.organization).

--= move_cases(o)
-- Asked before any credential is: those of an organization that has moved are those of before, and
-- nothing that may be shown once is used up.
when :o.moving = 'moved' then 'organization_moved' when :o.moving is not null then 'organization_moving'

-- ---- a client that asks about tokens by itself ----

--= client_cases(ring, held)
-- The first reasons to refuse it. In a text with the word `secrets` all show secrets.
when o.organization_id is null then 'invalid_client'
--: move_cases(o)
--? secrets
--: secret_cases(asked, :ring)
--? else
--: credential_cases(asked, :ring, :held)
--? end
when not (
  --: networks_allow(asked.remote_addr, c, o)
  ) then 'network_not_allowed'

--= client_lookups(ring)
-- Of a row `asked`: what was shown, and remote_addr text or null.
left join lateral (select c.client_id, c.organization_id, c.roles, c.allowed_networks, c.auth_methods, c.profile
  from m2m.client c where c.client_id = asked.client_id and c.disabled_at is null limit 1) c on true
left join lateral (select o.organization_id, o.allowed_networks, o.moving
  from m2m.organization o where o.organization_id = c.organization_id and o.disabled_at is null limit 1) o on true
--: secret_lookup(asked, :ring)
--? not secrets
--: credential_lookup(asked)
--? end

--= client_shown(auth_method, credentials, used_once, used_until, fapi2)
-- The row `asked` of $1 client_id, $2 verifiers, $4 remote_addr, and of what it shows in place of a
-- secret, at parameters whose numbers are given here.
(select $1::text as client_id, $2::bytea as verifiers, $4::text as remote_addr, :auth_method::"char" as auth_method,
   :credentials::text as credentials, :used_once::bytea as used_once, :used_until::int8 as used_until, :fapi2::bool as fapi2) asked

--= resource_server_case
-- What it may ask as the server of an API, whichever organization a token is of.
when not 'resource_server' = any (c.roles) then 'forbidden'

--= bearer_cases_unless(platform)
-- A bearer that asks: an admin, or, where `platform` says so, the platform's, which has no
-- organization.
when :platform::bool then null
--: caller_refused
when not caller.admin then 'forbidden'

-- ---- a token that is asked about ----
--
-- A row `t`: kid text, null where it can't be a token of ours; verified bool, whether its signature
-- is good, else the gateway doesn't know its key and nothing of it is believed; jti uuid or null;
-- client_id text and version int4, null for an operator's; organization_id uuid, null for the
-- platform's; iat int8, exp int8.

--= token_of_parameters
(select $5::text as kid, $6::bool as verified, $7::uuid as jti, $8::text as client_id, $9::int4 as version,
   $10::uuid as organization_id, $11::int8 as iat, $12::int8 as exp) t

--= token_key
-- True if its key may have signed it, else null.
(select true from m2m.signing_key sk where sk.kid = t.kid and sk.state <> 'revoked' limit 1)

--= stale_key_case
-- The gateway's snapshot of the keys lacks one that the database has: it reads them again.
when (not t.verified and
  --: token_key
  is true) then 'stale_key'

--= token_lookups
left join lateral (select tc.client_id from m2m.client tc
  where tc.client_id = t.client_id and tc.organization_id = t.organization_id and tc.disabled_at is null limit 1) tc on true
left join lateral (select own.organization_id from m2m.organization own
  where own.organization_id = t.organization_id and own.disabled_at is null limit 1) own on true

--= token_is_active
-- True or false, never null. That a secret has ended says nothing: its tokens stay good for the
-- Public API until they expire or are ended too.
coalesce(t.verified and to_timestamp(t.exp) > statement_timestamp() and
  --: token_key
  and (t.organization_id is null and t.client_id is null or own.organization_id is not null)
  and (t.client_id is null or tc.client_id is not null)
  and not
  --: token_has_ended(t.jti, t.organization_id, t.client_id, t.version, t.iat)
  , false)

-- ---- bearers: whether the credential that one was obtained with is still live ----

--= bearer_tag(s)
-- What the token's secret_tag is made of: six bytes of a version's verifier. The verifier is an
-- HMAC over a random secret: two versions have the same bytes by chance alone, and they tell
-- nothing of the secret.
substr(:s.verifier, 1, 6)

--= bearer_secret(s, client, ver, bearers_tag, issued)
-- The condition for row `s` of m2m.client_secret, live or not. A version's number alone doesn't do:
-- after a restore, or a failover that lost rotations, the same number is given again, to another
-- secret. A token without a tag was made by a gateway that gave none; it must not be older than its
-- version, whose first second is in doubt, since `iat` is in whole seconds.
:s.client_id = :client and :s.version = :ver and case when :bearers_tag is null then date_trunc('second', :s.created_at) <= to_timestamp(:issued) else
--: bearer_tag(:s)
 = :bearers_tag end

--= bearer_secret_is_live(s, client, ver, bearers_tag, issued)
--: bearer_secret(:s, :client, :ver, :bearers_tag, :issued)
 and
--: secret_is_live(:s)

--= bearer_credential_is_live(k, client, ver, bearers_tag)
-- The condition for row `k` of m2m.client_credential. `version` is 0: no secret has that. A key
-- that was removed and added again has another tag, so that what was obtained with it before stays
-- refused.
:ver = 0 and :k.client_id = :client and :k.tag = :bearers_tag and
--: credential_is_live(:k)

-- ---- tokens that have ended ----
--
-- What is asked is the database's state now: nothing of it is remembered anywhere.

--= token_has_ended(token, organization, client, ver, issued)
-- True or false, never null. Each argument may be null: jti uuid, organization uuid, client text
-- (an operator's token has none), version int4 (likewise), iat int8 (an outside issuer's token
-- isn't ours, and has neither jti nor iat here).
(
 --: token_was_revoked(:token)
 or (select true from m2m.tokens_ended te where
  --: ends_token(te, :organization, :client, :ver, :issued)
  limit 1) is true)

--= token_was_revoked(token)
-- By itself, and not with others.
(select true from m2m.revoked_token rt where rt.jti = :token limit 1) is true

--= ends_token(te, organization, client, ver, issued)
-- The condition for row `te` of m2m.tokens_ended.
:te.organization_id = :organization and :te.client_id = any (array['', :client]) and :te.secret_version = any (array[0, :ver])
  and :te.credential = '' and to_timestamp(:issued) < :te.not_before

--= tokens_not_before(time)
-- The first whole second after `time`: iat is in whole seconds, so that a token issued in the same
-- second counts as issued before it.
(date_trunc('second', :time) + interval '1 second')

--= last_token_expires(c, time)
-- When the last token that client `c` was given by `time` has expired. The seconds more are for
-- tokens that statements under way at that time still issue.
greatest(:time + make_interval(secs => :c.token_lifetime + 10), :c.tokens_until)

-- ---- who asks for a credential ----
--
-- A bearer is either a client's own token or the operator's. The client's names the client and its
-- secret's version; its organization and roles are the client's, now. The operator's names no
-- client; organization and role are as signed.

--= caller(bearers_tag, issued, address, from_anywhere, token, session, right, found)
-- $1 bearer's client_id text or null, $2 its secret_version int, $3 operator's organization_id uuid
-- or null, $4 operator is admin bool; as the statement's last seven, whose numbers are given here,
-- its tag bytea or null, its iat int8 (0: not ours), the address that it came from text or null,
-- whether it may come from anywhere bool, and its jti uuid or null; and in place of a bearer the
-- hash of a portal session's token bytea or null, and the right that it needs text. Gives one row
-- `caller`, or none: (organization_id, moving, admin, live, near). `admin`: of a session, it has
-- that right. `live`: it hasn't ended, and neither has its credential. `near`: its client and its
-- organization allow the network that it came from. `found` is `limit 1 for share` where something
-- is done: ending the session waits for what is under way, and nothing is done after it.
with caller as (
  select o.organization_id, o.moving, case when b.session is null then coalesce('admin' = any(c.roles), b.admin) else b.needed = any(p.may) end as admin,
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
     --: networks_allow(b.remote_addr, c, o)
    ) as near
  from (select $1::text as client_id, $2::int4 as version, $3::uuid as organization_id, $4::bool as admin,
          :bearers_tag::bytea as tag, nullif(:issued::int8, 0) as iat, :token::uuid as jti,
          :address::text as remote_addr, :from_anywhere::bool as anywhere, :session::bytea as session, :right::text as needed) b
  --: session_lookup(b.session, :found)
  left join lateral (select * from m2m.client c where c.client_id = b.client_id and c.disabled_at is null limit 1) c on true
  join lateral (select * from m2m.organization o
    where o.organization_id = case when b.session is not null then p.organization_id
        when b.client_id is null then b.organization_id else c.organization_id end
      and o.disabled_at is null limit 1) o on true
)

--= caller_refused
-- The first reasons to refuse it.
when caller.live is not true then 'invalid_token' when not caller.near then 'network_not_allowed'
--: move_cases(caller)

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

-- ---- organizations and their clients: what an operator or an admin does to them ----
--
-- Each act is one statement, so that the act, its refusal too, and the row that records it commit
-- together. It answers one row, whose first column is the outcome; a question answers a row for
-- each thing found. Deleted rows are invisible to all of them.

--= act_columns
action, outcome, organization_id, client_id, secret_version, detail,
--: origin_columns

--= act_origin
-- $1 actor text, $2 request_id uuid, $3 transport "char", $4 remote_addr text or null, $5
-- user_agent text or null, $6 traceparent text or null: of every act.
$1::text, $2::uuid, $3::"char", $4::text::inet, $5::text, $6::text

--= is_org(o, slug, id)
-- The condition for row `o` of m2m.organization. It is named by slug or by id: of the two one is
-- null.
(:o.slug = :slug::text or :o.organization_id = :id::uuid) and :o.deleted_at is null

--= default_client(o)
left join m2m.client c on c.organization_id = :o.organization_id and c.is_default and c.deleted_at is null

--= default_client_now(o)
-- The same of a row `o` that is locked, as it is since.
left join lateral (select m2m.default_client_now(:o.organization_id) as client_id) c on true

--= current_secret
left join m2m.client_secret s on s.client_id = c.client_id and
  --: secret_is_current(s, c)

--= current_secret_now
-- The same of a row `c` that is locked, as it is since: whoever was waited for may have rotated.
left join lateral m2m.secret_now(c.client_id, c.secret_version) s on true

--= org_columns(o, c)
-- 1 to 10 of what is answered: an organization, and its default client's id.
:o.organization_id, :o.slug, :o.name, :o.issuer, :o.external_id, :c.client_id, :o.created_at, :o.disabled_at,
:o.allowed_networks::text[], :o.secret_max_age

--= client_columns(o, c, s)
-- 1 to 21 of what is answered: a client, of which organization, and its current secret.
:c.client_id, :c.organization_id, :o.slug, :c.is_default, :c.name, :c.roles, :c.scopes, :c.audiences,
:c.token_lifetime, :c.token_type, :c.secret_version, :s.hint, :s.created_at, :c.created_at, :c.disabled_at,
:c.allowed_networks::text[], coalesce(:c.auth_methods, '{secret}'), :c.token_binding, :c.profile, :s.expires_at, :s.created_by

--= org_tag(o, c)
-- The entity-tag of what is answered (RFC 9110 section 8.8.3): a strong one, made of all that
-- org_columns says, whatever the session's settings are. It tells nothing that they don't.
'"' || left(encode(sha256(record_send(row(
  --: org_columns(:o, :c)
  ))), 'hex'), 32) || '"'

--= client_tag(o, c, s)
-- The same of client_columns.
'"' || left(encode(sha256(record_send(row(
  --: client_columns(:o, :c, :s)
  ))), 'hex'), 32) || '"'

--= org_tag_case(tags)
-- RFC 9110 section 13.1.1, of the rows `o`, which is locked, and `c`. `tags`: text[]; null: any.
when :tags::text[] is not null and not
  --: org_tag(o, c)
  = any (:tags::text[]) then 'precondition_failed'

--= client_tag_case(tags)
-- The same of the rows `o` and `c`, which are locked, and `s`.
when :tags::text[] is not null and not
  --: client_tag(o, c, s)
  = any (:tags::text[]) then 'precondition_failed'

--= client_locked(slug, id, client)
-- Two rows of a statement, `org` and `present`: an organization and its client, as they are once
-- nobody else changes them. One at a time for an organization: two that hand over its default would
-- wait for each other in the constraint.
org as materialized (
  select o.organization_id, o.slug from m2m.organization o where
    --: is_org(o, :slug, :id)
  for no key update
)
, present as materialized (
  select c.* from org join m2m.client c
    on c.organization_id = org.organization_id and c.client_id = :client::text and c.deleted_at is null
  for no key update of c
)

--= client_named(slug, id, client)
-- One row: an organization `o` and its client `c`, each null where it isn't there.
(select) one left join m2m.organization o on
  --: is_org(o, :slug, :id)
left join m2m.client c on c.organization_id = o.organization_id and c.client_id = :client::text and c.deleted_at is null

--= client_named_cases
when o.slug is null then 'organization_not_found' when c.client_id is null then 'client_not_found'

--= networks(given)
-- A parameter text[] of networks: null where they stay (of something new: any), empty for any.
nullif(:given::text[], '{}')::cidr[]

--= networks_changed(given, before)
-- What becomes of them.
case when :given::text[] is null then :before else
  --: networks(:given)
  end

--= networks_told(given)
-- What the act's detail says of them.
'allowed_networks', case when :given::text[] = '{}' then to_jsonb('any'::text) else to_jsonb(:given::text[]) end

--= word(given)
-- A parameter text: null where the word stays, 'none' for none.
nullif(:given::text, 'none')

--= word_changed(given, before)
case when :given::text is null then :before else
  --: word(:given)
  end

-- ---- a client's credentials besides its secrets, as an operator or an admin sees them ----

--= client_credential_columns(k, o)
-- 1 to 13 of what is answered; `o` has the organization's id.
:k.client_id, :k.credential_id, :k.name, :k.public_jwk, :k.created_at, :k.expires_at, :o.organization_id,
:k.kind, :k.issuer, :k.subject, :k.audience, :k.claims::text, :k.may_replay

--= client_credential_target(session, right)
-- The client whose credentials an act changes. $7 slug or null, $8 id or null, $9 client_id; of a
-- portal session the hash of its token and the right that it needs, else null.
target as (
  select o.organization_id, o.slug, c.client_id, case
      --: session_cases(:session, :right, $4::text)
      --: client_named_cases
      else 'granted' end as outcome
  from
    --: client_named($7, $8, $9)
  --: session_lookup(:session, limit 1 for share)
)

-- ---- ending many tokens at once ----

--= end_tokens_begin
-- Between this and end_tokens_end stands a select of (organization_id, client_id, secret_version,
-- not_before, expires_at, ended_at), each key once. What ended earlier stays ended. Each end of
-- the same tokens has an ended_at of its own, and the latest one's stands: whatever the clock does,
-- none passes for an earlier one.
insert into m2m.tokens_ended as e (organization_id, client_id, secret_version, not_before, expires_at, ended_at)

--= end_tokens_end
on conflict (organization_id, client_id, secret_version, credential) do update set
  not_before = greatest(e.not_before, excluded.not_before), expires_at = greatest(e.expires_at, excluded.expires_at),
  ended_at = greatest(e.ended_at + interval '1 microsecond', excluded.ended_at)

-- ---- the audit ----

--= audit_seal(writer, seq, previous, previous_at, batch, sealed, root, tags, last, kid, signature)
-- The insertion for what audit_writer_put adds. `at` is the statement's time, the version
-- AUDIT_SEAL_VERSION.
insert into m2m.audit_seal (at, version, writer, seq, previous, previous_at, batch_id, sealed_batch_id, root, tags, last, kid, signature)
values (statement_timestamp(), 2, :writer::uuid, :seq::int8, :previous::bytea, :previous_at::timestamptz, :batch::uuid, :sealed::uuid,
  :root::bytea, :tags::bytea, :last::bool, :kid::text, :signature::bytea)

-- ---- portal sessions ----

--= portal_session_is_live(s)
-- Row `s` of m2m.portal_session: not ended, used within the last hour, and not a day old. Whether
-- its organization is live is asked beside it.
(:s.ended_at is null and :s.expires_at > statement_timestamp() and :s.last_used_at > statement_timestamp() - interval '1 hour')

--= session_lookup(token, found)
-- The live session `p` of a token's hash; nulls where there is none, or no hash. `found` as in the
-- part caller.
left join lateral (select p.organization_id, p.may from m2m.portal_session p where p.token_hash = :token::bytea and
  --: portal_session_is_live(p)
  :found) p on true

--= session_cases(token, right, address)
-- The first reasons to refuse session `p` an act on its organization `o`.
when :token::bytea is not null and (p.organization_id is null or o.organization_id is distinct from p.organization_id
  or o.disabled_at is not null) then 'invalid_token'
when :token::bytea is not null and not
  --: network_allowed(:address, o.allowed_networks)
  then 'network_not_allowed'
when :token::bytea is not null and not :right::text = any (p.may) then 'forbidden'

--= portal_session_columns(s, o, used_at)
-- Columns 1 to 11 of the answers, behind the outcome; `o` has the organization's slug and name.
:s.session_id, :s.organization_id, :o.slug, :o.name, :s.actor, :s.may, :s.return_url, :s.made_at, :used_at,
least(:used_at + interval '1 hour', :s.expires_at), :s.expires_at
