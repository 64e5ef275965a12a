select participant_id, kind, at_ms, received_ms, inferred, source_session
from entries
where domain = :domain
  and room = :room
  and at_ms >= :since
  and kind < 4
order by at_ms
