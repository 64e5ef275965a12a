select position, domain, id, type, room, at_ms, created_ms, said
from messages
where created_ms >= :since
  and created_ms < :until
  and domain = :domain
  and room = :room
  and at_ms >= :start
  and at_ms <= :last
order by position
limit :most
