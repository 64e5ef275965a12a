insert into marks (domain, room, at_ms, doubts)
values (?, ?, ?, ?)
on conflict (domain, room, at_ms) do update
set doubts = excluded.doubts
