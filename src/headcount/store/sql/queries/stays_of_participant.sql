select join_ms
from stays
where domain = :domain
  and room = :room
  and join_ms >= :start
  and join_ms < :until
  and participant_id = :participant_id
order by join_ms
