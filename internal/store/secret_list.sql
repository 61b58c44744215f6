-- The live secrets of the organization's default client, oldest first, for an admin of it.
-- $1 to $4 as the part caller has them, $5 to $11 as caller's last.
-- Answers (outcome, and the columns of client_credential_list.sql) for each, or once, with nulls,
-- when there is none. As there, one call tells when they were last used.
--: caller($5, $6, $7, $8, $9, $10, $11, limit 1)
, own as materialized (
  select t.client_id from caller join lateral (select * from m2m.client t
    where t.organization_id = caller.organization_id and t.disabled_at is null and t.is_default
      and caller.live and caller.near and caller.admin limit 1) t on true
)
select case
    --: caller_refused
    when not caller.admin then 'forbidden'
    when c.client_id is null then 'client_not_found' else 'granted' end,
  s.client_id, s.version::text, '', null::text, s.created_at, s.expires_at, caller.organization_id,
  case when s.version is not null then 'secret' end, null::text, null::text, null::text, null::text, null::boolean,
  u.last_used_at, u.remote_addr, u.user_agent, u.unknown_until, s.hint, s.created_by
from (select) one left join caller on true
left join own c on true
left join m2m.client_secret s on s.client_id = c.client_id and
  --: secret_may_be_live(s)
  and
  --: secret_is_live(s)
left join m2m.credentials_last_used((select client_id from own)) u on u.kind = 'secret' and u.credential_id = s.version::text
order by s.created_at, s.version
