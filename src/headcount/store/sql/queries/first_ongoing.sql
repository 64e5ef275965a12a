select start_ms
from meetings
where domain = :domain
  and end_ms is null
order by start_ms / 1000
limit 1
