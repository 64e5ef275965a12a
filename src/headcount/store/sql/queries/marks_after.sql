select at_ms, doubts
from marks
where domain = :domain
  and room = :room
  and at_ms > :at
order by at_ms
