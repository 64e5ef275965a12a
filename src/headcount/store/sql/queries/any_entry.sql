select position
from entries
where domain = :domain
limit 1
