insert into source_rooms (token, room)
values (?, ?)
on conflict (token, room) do nothing
