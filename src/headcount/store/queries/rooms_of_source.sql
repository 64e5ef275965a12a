select room
from source_rooms
where token = :token
