-- Backs out at the source, once nothing of the move can be opened at the target. $1 move_id.
-- Answers one row, or none: there was nothing to take back.
with move as (
  update m2m.organization_move m set state = 'backed_out', ended_at = clock_timestamp()
  where m.move_id = $1::uuid and m.state in ('copying', 'frozen', 'moved') returning m.organization_id
)
, organization as (
  update m2m.organization o set moving = null, moved_to = null
  from move where o.organization_id = move.organization_id and o.moving in ('frozen', 'moved')
)
, looks as (
  update m2m.secret_unused_look l set look_at = clock_timestamp()
  from move join m2m.client c on c.organization_id = move.organization_id where l.client_id = c.client_id and l.look_at = 'infinity'
)
select from move
