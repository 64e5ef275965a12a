select quarter, meetings, time_ms, most, most_ms, in_before, steps
from room_quarters
where domain = :domain
  and room = :room
  and quarter >= :first
  and quarter < :until
