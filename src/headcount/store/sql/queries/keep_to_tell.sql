insert into to_tell (domain, id, due_ms, room, start_ms, because)
values (?, ?, ?, ?, ?, ?)
on conflict (domain, id, due_ms) do update
set because = coalesce(excluded.because, to_tell.because)
