insert into to_tally (domain, room, from_ms, to_ms)
values (?, ?, ?, ?)
