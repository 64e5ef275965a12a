select endpoint, parked, count(*)
from deliveries
group by endpoint, parked
