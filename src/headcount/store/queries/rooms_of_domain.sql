select distinct room
from meetings
where domain = :domain
