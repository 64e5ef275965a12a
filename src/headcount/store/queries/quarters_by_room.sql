select room, cast(sum(meetings) as bigint), cast(sum(time_ms) as bigint), max(most)
from room_quarters
where domain = :domain
  and quarter >= :first
  and quarter < :until
group by room
