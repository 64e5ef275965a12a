insert into room_quarters (domain, quarter, room, meetings, time_ms, most, most_ms, in_before, steps)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
