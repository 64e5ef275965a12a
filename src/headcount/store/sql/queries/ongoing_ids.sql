select room, id
from meetings
where domain = :domain
  and end_ms is null
