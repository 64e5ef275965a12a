select end_ms - start_ms
from meetings
where domain = :domain
  and end_ms is not null
order by end_ms - start_ms desc
limit 1
