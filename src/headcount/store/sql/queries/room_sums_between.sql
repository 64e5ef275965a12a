select room, cast(sum(meetings) as bigint), cast(sum(time_ms) as bigint), max(most)
from room_sums
where domain = :domain
  and scale = :scale
  and period >= :first
  and period < :until
group by room
