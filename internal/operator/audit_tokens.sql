-- Tokens of the record. There are two texts: what was issued in some time, the youngest first; and
-- what was committed since a snapshot, the oldest first.
--! audit_tokens:
--! audit_tokens_since: since
--
-- $1 slug or null, $2 id or null, $3 client id, $4 since, $5 until, $6 jti, $7 kid, $8 secret
-- version, $9 address or network, each or null, $10 only those that are alive, $11 days, which
-- count without $4 and $6, $12 method, $13 credential, each or null. $14 limit, or the snapshot, as
-- text. Deleted organizations' tokens are found too.
select t.issued_at, t.expires_at, t.jti, o.slug, t.client_id, t.secret_version, t.caller, t.scope, t.audience,
  case t.transport when 'r' then 'rest' when 'g' then 'grpc' else 'm2mctl' end, host(m2m.unmapped(t.remote_addr)),
  t.kid, m2m.auth_method_name(t.auth_method), t.credential, t.bound_to
from m2m.token_audit t left join m2m.organization o using (organization_id)
--? since
-- What the snapshot did not see was committed since, whenever it began; the time only keeps the
-- search short. A row's xmin has lost the upper half of its transaction's number, which is that of
-- now or one less.
, lateral (select pg_snapshot_xmax(pg_current_snapshot())::text::int8 as top, t.xmin::text::int8 as low) x
where t.issued_at >= greatest($4::timestamptz, statement_timestamp() - interval '2 minutes')
  and not pg_visible_in_snapshot(
    ((x.top >> 32 << 32 | x.low) - case when x.low > (x.top & 4294967295) then 4294967296 else 0 end)::text::xid8, $14::text::pg_snapshot)
  and ($11::int4 is not null)
--? else
-- A jti tells when it was made, give or take a gateway's clock.
where t.issued_at >= coalesce($4::timestamptz, m2m.jti_time($6::uuid) - interval '1 day',
    statement_timestamp() - make_interval(days => $11::int4))
--? end
  and ($1::text is null or o.slug = $1::text) and ($2::uuid is null or t.organization_id = $2::uuid)
  and ($3::text is null or t.client_id = $3::text) and ($5::timestamptz is null or t.issued_at < $5::timestamptz)
  and ($6::uuid is null or t.jti = $6::uuid) and ($7::text is null or t.kid = $7::text)
  and ($8::int4 is null or t.secret_version = $8::int4)
  and ($9::text is null or t.remote_addr <<= any(m2m.address_forms($9::text::inet)))
  and (not $10::bool or t.expires_at > statement_timestamp())
  and ($12::text is null or m2m.auth_method_name(t.auth_method) = $12::text)
  and ($13::text is null or t.credential = $13::text)
--? since
order by t.issued_at, t.jti
--? else
order by t.issued_at desc, t.jti limit $14::int4
--? end
