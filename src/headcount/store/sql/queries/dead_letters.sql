select number, token, received_ms, url, headers, body, reason
from dead_letters
where number > :after
order by number
limit :most
