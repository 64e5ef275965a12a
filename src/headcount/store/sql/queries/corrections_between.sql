select domain, room, corrected_ms, first_ms, last_ms, late_ms, because, before_and_after
from corrections
where domain = :domain
  and room = :room
  and first_ms < :until
  and last_ms >= :start
order by number
