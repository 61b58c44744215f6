-- Begins a move at the source. $1 move_id, $2 organization_id, $3 peer_id, $4 peer, $5 url, $6
-- actor.
insert into m2m.organization_move (move_id, direction, organization_id, peer_id, peer, url, state, actor)
values ($1::uuid, 'out', $2::uuid, $3::uuid, $4::text, $5::text, 'copying', $6::text)
