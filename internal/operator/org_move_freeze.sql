-- Freezes the organization at the source. $1 move_id, $2 organization_id. Answers one row, or none:
-- the move isn't under way any more.
--
-- Versions that end once they are unused aren't looked at from now on.
with move as (
  update m2m.organization_move m set state = 'frozen', frozen_at = clock_timestamp()
  where m.move_id = $1::uuid and m.state = 'copying' returning m.organization_id
)
, frozen as (
  update m2m.organization o set moving = 'frozen' from move where o.organization_id = move.organization_id and o.moving is null
  returning o.organization_id
)
, looks as (
  update m2m.secret_unused_look l set look_at = 'infinity'
  from frozen join m2m.client c on c.organization_id = frozen.organization_id where l.client_id = c.client_id
)
select from frozen where organization_id = $2::uuid
