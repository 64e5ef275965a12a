-- name: select_replay_point_before
select at_ms, unconfirmed
from replay_points
where domain = :domain
  and room = :room
  and at_ms < :at
order by at_ms desc
limit 1

-- name: select_replay_points_after
select at_ms, unconfirmed
from replay_points
where domain = :domain
  and room = :room
  and at_ms > :at
order by at_ms
