select domain, id, room, start_ms, superseded_ms
from superseded
where domain = :domain
  and id = :id
