-- Opens the organization at the target. $1 move_id, $2 digest. Answers one row, or none: the move
-- was backed out.
with move as (
  update m2m.organization_move m set state = 'open', digest = $2::bytea, ended_at = clock_timestamp()
  where m.move_id = $1::uuid and m.state = 'arriving' returning m.organization_id
)
, looks as (
  update m2m.secret_unused_look l set look_at = clock_timestamp()
  from move join m2m.client c on c.organization_id = move.organization_id where l.client_id = c.client_id
)
update m2m.organization o set moving = null, moved_to = null
from move where o.organization_id = move.organization_id and o.moving = 'arriving' returning 1
