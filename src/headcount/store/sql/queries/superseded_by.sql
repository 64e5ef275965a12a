select id
from superseded
where domain = :domain
  and room = :room
  and start_ms >= :start
  and start_ms < :until
order by start_ms
