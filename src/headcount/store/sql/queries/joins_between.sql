select kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred
from entries
where domain = :domain
  and room = :room
  and joined_ms > :after
  and joined_ms <= :until
  and at_ms > :until
  and at_ms <= :settled
  and position <= :position
