insert into room_sums (domain, scale, period, room, meetings, time_ms, most)
select ?, ?, ?, ?, sum(meetings), sum(time_ms), max(most)
from room_quarters
where domain = ?
  and room = ?
  and quarter >= ?
  and quarter < ?
group by domain, room
