select room, at_ms, participant_id, kind, role, user_id, user_name
from bystanders
where domain = :domain
  and room = :room
  and at_ms >= :start
  and at_ms < :until
order by at_ms, participant_id
limit :most
