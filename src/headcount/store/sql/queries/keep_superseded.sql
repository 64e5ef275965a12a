insert into superseded (domain, id, room, start_ms, superseded_ms)
values (?, ?, ?, ?, ?)
on conflict (domain, id) do update
set superseded_ms = excluded.superseded_ms
