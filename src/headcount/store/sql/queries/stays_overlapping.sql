select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms < :until
  and (leave_ms is null or leave_ms > :start)
order by join_ms, participant_id
