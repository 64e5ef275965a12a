select settled_ms, deadline_ms, checkpoint
from rooms
where domain = :domain
  and room = :room
