-- What a move is decided by, at the source: the organization, this installation, and the move that
-- is under way or was the last one. Takes the organization's row for update: whoever changes the
-- organization or rotates one of its secrets is waited for.
-- $1 slug or null, $2 id or null.
-- Answers (organization_id, slug, moving, moved_to, installation_id, move_id, state, peer_id, peer,
-- url, frozen_at, clients int8); no row: there is none.
select o.organization_id, o.slug, o.moving, o.moved_to, i.installation_id, m.move_id, m.state, m.peer_id, m.peer, m.url, m.frozen_at,
  (select count(*) from m2m.client c where c.organization_id = o.organization_id and c.deleted_at is null)
from m2m.organization o cross join m2m.installation i
left join lateral (select * from m2m.organization_move m where m.organization_id = o.organization_id and m.direction = 'out'
  order by m.started_at desc limit 1) m on true
where
  --: is_org(o, $1, $2)
for update of o
