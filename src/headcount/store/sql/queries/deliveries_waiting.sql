select m.position, m.domain, m.id, m.type, m.room, m.at_ms, m.created_ms, m.said, d.attempts, d.next_at_ms, d.asked
from deliveries d
join messages m on m.position = d.position
where d.endpoint = :endpoint
  and d.parked = 0
  and d.position > :after
order by d.position
limit :most
