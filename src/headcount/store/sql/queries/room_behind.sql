select domain, room, position, reason, attempts, since_ms, retry_ms, release
from rooms_behind
where domain = :domain
  and room = :room
