select deadline_ms, domain, room
from rooms
where deadline_ms is not null
