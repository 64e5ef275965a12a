select room
from rooms
where domain = :domain
  and room >= :beginning
  and room < :beyond
order by room
limit :most
