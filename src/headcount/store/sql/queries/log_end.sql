select coalesce(max(position), 0), coalesce(max(received_ms), 0)
from (select position, received_ms from entries order by position desc limit 1) as latest
