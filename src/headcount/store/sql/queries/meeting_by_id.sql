select domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
from meetings
where domain = :domain
  and id = :id
