select room, start_ms
from meetings
where domain = :domain
  and end_ms is null
  and coalesce(:room, room) = room
