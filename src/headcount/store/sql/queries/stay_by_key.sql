select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name
from stays
where domain = :domain
  and room = :room
  and join_ms = :join
  and participant_id = :participant_id
