select room, join_ms, participant_id, user_id, user_name
from stays
where domain = :domain
  and leave_ms is null
  and (room, join_ms, participant_id) > (:after_room, :after_join, :after_participant)
order by room, join_ms, participant_id
limit :most
