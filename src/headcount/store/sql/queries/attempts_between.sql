select endpoint, domain, position, message_id, at_ms, delivered, status, latency_ms, answer, error
from attempts
where endpoint = :endpoint
  and position >= :first
  and position <= :last
order by position, at_ms
