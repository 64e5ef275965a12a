select domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name
from stays
where domain = :domain
  and room = :room
  and join_ms >= :start
  and join_ms < :until
  and (join_ms, participant_id) < (:before_join, :before_participant)
order by join_ms desc, participant_id desc
limit :most
