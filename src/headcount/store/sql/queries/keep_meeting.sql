insert into meetings (
  domain, id, room, start_ms, end_ms, max_participants, carried_join_ms, carried_participant_id
)
values (?, ?, ?, ?, ?, ?, ?, ?)
on conflict (domain, id) do update
set end_ms = excluded.end_ms,
  max_participants = excluded.max_participants,
  carried_join_ms = excluded.carried_join_ms,
  carried_participant_id = excluded.carried_participant_id
