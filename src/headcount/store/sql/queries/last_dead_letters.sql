select received_ms, reason, substr(body, 1, 500)
from dead_letters
where token = :token
order by number desc
limit :most
