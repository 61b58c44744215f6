-- The organization lives at the target from now on, as far as the source is asked. $1 move_id, $2
-- digest. Answers one row, or none: the move isn't frozen any more.
with move as (
  update m2m.organization_move m set state = 'moved', digest = $2::bytea, ended_at = clock_timestamp()
  where m.move_id = $1::uuid and m.state = 'frozen' returning m.organization_id, m.url
)
update m2m.organization o set moving = 'moved', moved_to = move.url
from move where o.organization_id = move.organization_id and o.moving = 'frozen' returning 1
