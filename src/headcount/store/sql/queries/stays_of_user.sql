select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name
from stays
where domain = :domain
  and user_id = :user_id
  and user_id is not null
  and join_ms >= :since
order by join_ms
limit :most
