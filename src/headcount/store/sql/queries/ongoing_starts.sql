select room, start_ms, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and end_ms is null
  and coalesce(:room, room) = room
