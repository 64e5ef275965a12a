select number, domain, room, from_ms, to_ms
from to_tally
order by number
limit :most
