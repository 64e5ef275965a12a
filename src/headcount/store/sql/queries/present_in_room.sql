select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name
from stays
where domain = :domain
  and room = :room
  and leave_ms is null
order by join_ms, participant_id
