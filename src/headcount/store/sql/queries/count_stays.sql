select count(*)
from stays
where domain = :domain
  and room = :room
  and join_ms < :until
  and (leave_ms is null or leave_ms > :start)
