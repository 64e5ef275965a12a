insert into stays (domain, room, join_ms, participant_id, leave_ms, left_by, user_id, user_name)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, room, join_ms, participant_id) do update
set leave_ms = excluded.leave_ms,
  left_by = excluded.left_by,
  user_id = excluded.user_id,
  user_name = excluded.user_name
