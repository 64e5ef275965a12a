select domain, room, position, reason, attempts, since_ms, retry_ms, release
from rooms_behind
where domain = :domain
  and reason is not null
order by since_ms, room
limit :most
