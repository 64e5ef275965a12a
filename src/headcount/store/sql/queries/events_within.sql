select count(*)
from entries
where domain = :domain
  and room = :room
  and at_ms > :after
  and at_ms <= :until
