insert into bystanders (domain, room, at_ms, participant_id, kind, role, user_id, user_name, token)
values (?, ?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room, at_ms, participant_id, kind) do nothing
