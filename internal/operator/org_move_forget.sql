-- Backs out at the target, where the organization hasn't been opened: what had come goes, and one
-- that had moved away from here before has moved away again. $1 move_id, $2 organization_id, $3
-- whether it is there at all, bool. Answers one row: whether nothing of the move can be opened any
-- more; if not, it is open, or was being begun. Without a row of the move it leaves one, so that
-- nobody begins it later.
--
-- The second text, for an organization that was new here, takes its row away too.
--! org_move_forget:
--! org_move_forget_org: org
--? org
with auditors as (
  delete from m2m.organization_auditor a using m2m.organization_move m, m2m.organization o
  where m.move_id = $1::uuid and m.state = 'backed_out' and m.returned_to is null and o.organization_id = m.organization_id
    and o.moving = 'arriving' and a.organization_id = o.organization_id
)
delete from m2m.organization o using m2m.organization_move m
where m.move_id = $1::uuid and m.state = 'backed_out' and m.returned_to is null and o.organization_id = m.organization_id
  and o.moving = 'arriving'
--? else
with move as (
  update m2m.organization_move m set state = 'backed_out', ended_at = clock_timestamp()
  where m.move_id = $1::uuid and m.state in ('arriving', 'backed_out') returning m.organization_id, m.returned_to
)
, returned as (
  update m2m.organization o set moving = 'moved', moved_to = move.returned_to
  from move where o.organization_id = move.organization_id and o.moving = 'arriving' and move.returned_to is not null
)
, client as (
  select c.client_id from m2m.client c join move on move.organization_id = c.organization_id
  join m2m.organization o on o.organization_id = c.organization_id where o.moving = 'arriving' and move.returned_to is null
)
, looks as (delete from m2m.secret_unused_look l using client where l.client_id = client.client_id)
, credentials as (delete from m2m.client_credential k using client where k.client_id = client.client_id)
, secrets as (delete from m2m.client_secret s using client where s.client_id = client.client_id)
, uses as (delete from m2m.credential_use_before u using client where u.client_id = client.client_id)
, clients as (delete from m2m.client c using client where c.client_id = client.client_id)
, never_came as (
  insert into m2m.organization_move (move_id, direction, organization_id, peer_id, peer, url, state, actor, ended_at)
  select $1::uuid, 'in', $2::uuid, $3::uuid, $4::text, $5::text, 'backed_out', $6::text, clock_timestamp()
  on conflict (move_id) do nothing returning move_id
)
-- not by the snapshot: who commits meanwhile is waited for
select exists (select from move) or exists (select from never_came)
--? end
