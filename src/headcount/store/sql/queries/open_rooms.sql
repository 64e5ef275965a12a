select count(*)
from (
  select distinct room
  from stays
  where domain = :domain
    and leave_ms is null
  limit :most
) as open
