select room, join_ms, participant_id, user_id, user_name
from stays
where domain = :domain
  and leave_ms is null
order by room, join_ms, participant_id
