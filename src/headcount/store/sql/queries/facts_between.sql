select kind, at_ms, participant_id, user_id, user_name, source_session, joined_ms, inferred
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
  and position <= :position
  and kind < 4
order by at_ms
