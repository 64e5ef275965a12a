select coalesce(sum(meetings), 0)
from meeting_tallies
where domain = :domain
  and day >= :first
  and day < :until
