select room, from_ms, to_ms
from to_tally
where domain = :domain
  and coalesce(:room, room) = room
order by number
limit :most
