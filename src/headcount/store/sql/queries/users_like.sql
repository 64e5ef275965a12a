select distinct user_id
from stays
where domain = :domain
  and user_id is not null
  and user_id >= :beginning
  and user_id < :beyond
order by user_id
limit :most
