select domain, id, due_ms, room, start_ms, because
from to_tell
where due_ms <= :now
order by due_ms, start_ms, domain, id
limit :most
