select position, domain, id, type, room, at_ms, created_ms, said
from messages
where domain = :domain
  and id = :id
