insert into rooms (domain, room, settled_ms, deadline_ms)
values (?, ?, ?, ?)
on conflict (domain, room) do update
set settled_ms = excluded.settled_ms,
  deadline_ms = excluded.deadline_ms
