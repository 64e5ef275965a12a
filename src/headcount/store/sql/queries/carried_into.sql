select join_ms, participant_id
from stays
where domain = :domain
  and room = :room
  and join_ms > :after
  and join_ms < :start
  and (leave_ms is null or leave_ms > :start)
limit 1
