insert into messages (domain, id, type, room, at_ms, created_ms, said)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (domain, id) do nothing
