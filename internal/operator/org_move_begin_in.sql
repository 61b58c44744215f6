-- Begins a move at the target, or goes on with one, and takes the organization's row as it is at
-- the source. $1 move_id, $2 organization_id, $3 peer_id, $4 peer, $5 url, $6 actor, $7 the row,
-- JSON without moving and moved_to.
-- Answers one row, or none, and then nothing may stay of it: the organization lives here, or the
-- move was backed out.
with before as (
  select o.moving, o.moved_to from m2m.organization o where o.organization_id = $2::uuid
)
, organization as (
  insert into m2m.organization as o select r.*
  from jsonb_populate_record(null::m2m.organization, $7::text::jsonb || '{"moving": "arriving"}') r
  where not exists (select from m2m.organization_move m where m.move_id = $1::uuid and m.state <> 'arriving')
  on conflict (organization_id) do update set slug = excluded.slug, name = excluded.name, issuer = excluded.issuer,
    external_id = excluded.external_id, disabled_at = excluded.disabled_at, created_at = excluded.created_at,
    deleted_at = excluded.deleted_at, allowed_networks = excluded.allowed_networks, secret_max_age = excluded.secret_max_age,
    moving = 'arriving', moved_to = null
  where o.moving = 'moved' or (o.moving = 'arriving'
    and exists (select from m2m.organization_move m where m.move_id = $1::uuid and m.state = 'arriving'))
  returning o.organization_id
)
, move as (
  insert into m2m.organization_move (move_id, direction, organization_id, peer_id, peer, url, state, returned_to, actor)
  select $1::uuid, 'in', o.organization_id, $3::uuid, $4::text, $5::text, 'arriving', (select moved_to from before), $6::text
  from organization o
  on conflict (move_id) do update set peer = excluded.peer where organization_move.state = 'arriving'
  returning move_id
)
select from move
