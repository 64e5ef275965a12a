select token, count(*)
from dead_letters
group by token
