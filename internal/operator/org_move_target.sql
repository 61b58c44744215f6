-- The same at the target, where the organization may be missing. Always one row.
-- $1 organization's id, $2 move's id.
-- Answers (installation_id, moving, whether it is there, state of the move or null, whether the
-- organization came by this move's predecessor: false).
select i.installation_id, o.moving, o.organization_id is not null, m.state
from m2m.installation i
left join m2m.organization o on o.organization_id = $1::uuid
left join m2m.organization_move m on m.move_id = $2::uuid
