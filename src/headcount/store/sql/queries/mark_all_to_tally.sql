insert into to_tally (domain, room, from_ms, to_ms)
select domain, room, min(start_ms), max(end_ms)
from meetings
where end_ms is not null
group by domain, start_ms / 604800000, room
order by domain, start_ms / 604800000, room
