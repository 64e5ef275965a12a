select stays.room, stays.participant_id, stays.join_ms
from stays
join source_rooms on source_rooms.token = :token and source_rooms.room = stays.room
where stays.domain = :domain
  and stays.leave_ms is null
