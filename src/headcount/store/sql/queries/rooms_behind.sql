select domain, room, position, reason, attempts, since_ms, retry_ms, release
from rooms_behind
order by retry_ms, domain, room
