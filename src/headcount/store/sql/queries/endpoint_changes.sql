select uuid, changes
from endpoints
where state = 'ACTIVE'
